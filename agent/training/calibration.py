"""What the reader's own figures are worth: fitted on drawn plates that it was not taught with, never on real ones.

The reader is taught on pictures worse than most and in all lettering that there is. Here only pictures count in which
about as much is left of the plate as cameras leave of it, and the lettering is the agent's own, plain as most plates'.
Even so, far more of them are read wrong than on the street. What a wrong read looks like to the reader is the same here
and there, only how many there are is not (label shift): so right and wrong reads are weighed to the share that each has
before a camera, and something else than a plate to its share.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.street.camera import Shot, expose, photograph
from training.street.plates import FlatPlate, random_flat
from training.street.scenery import add_board, add_caption, backdrop, car_around
from training.street.typefaces import Typefaces
from training.street.windows import boxed, rough
from vigie_agent.plates.calibration import CURVES, Calibration, Curve, log_likelihood, log_odds
from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.detector import Detector
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.rectify import Luma, rectify
from vigie_agent.plates.runtime import MODELS
from vigie_shared.plates import ALL_KINDS, FOREIGN, MOROCCAN, Plate, from_glyphs

SEED: Final = 4242
"""No training run draws with it."""
_LEFT_LEAST: Final = 0.7
"""How alike the picture of a plate and the plate itself must be (correlation), where they are least alike, to count."""
_WIDTH_LEAST_PX: Final = 100.0
_BOXED: Final = 0.5
_NO_PLATE: Final = 0.3
"""How often a street without a plate is drawn; in a quarter of them something is found and read."""
NO_PLATE: Final = 0.05
"""Of the reads before a camera, the share of which there is no plate: signs, names on bumpers, badges."""
RIGHT: Final = 0.95
"""Of the plates read before a camera that suits them, the share that is read right: the aim of a release."""
_FOREIGN_READER: Final = 0.3
_STREET: Final = (480, 288)
_CAR, _CLOCK = 0.5, 0.3
_BOARD_PX: Final = 130.0
_CROP_PX: Final = (192, 64)
_EDGE_PX, _PART_PX = 8, 32
_DRAWN_LEAST: Final = 30.0
"""The deviation of tones in a part of a plate in which something is drawn."""
_ROUNDS: Final = 30

Rng = np.random.Generator
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One read of a drawn plate: what the reader's figures were, and whether it was right."""

    share: float
    likelihood: float
    is_foreign: bool
    is_right: bool
    chars: tuple[tuple[float, bool], ...]
    """The share of each character, and whether it is on the plate in that place."""
    plate_chance: float = 1.0
    is_plate: bool = True


class Examples:
    """Draws plates, and has them read as they would be read on a picture."""

    def __init__(self, typefaces: Typefaces, models: Path = MODELS, left_least: float = _LEFT_LEAST) -> None:
        self._typefaces, self._left_least = typefaces, left_least
        self._detector = Detector(models)
        self._readers = {kinds: Reader(models, kinds) for kinds in (MOROCCAN, FOREIGN)}

    def draw(self, count: int, seed: int = SEED) -> Iterator[Example]:
        """`count` plates that were read as something."""
        drawn = number = 0
        while drawn < count:
            number += 1
            example = self._example(np.random.default_rng((seed, number)))
            if example is not None:
                drawn += 1
                yield example

    def _example(self, rng: Rng) -> Example | None:
        if rng.random() < _NO_PLATE:
            return self._no_plate(rng)
        flat = random_flat(rng, self._typefaces)
        shot = photograph(flat.picture, rng, float(rng.uniform(0.1, 0.9)), typefaces=self._typefaces)
        wide = float(np.linalg.norm(shot.corners[1] - shot.corners[0]))
        if wide < _WIDTH_LEAST_PX or left_of(flat.picture, shot) < self._left_least:
            return None
        plate = from_glyphs("\n".join("".join(line.tokens) for line in flat.lines), ALL_KINDS, len(flat.lines))
        kinds = FOREIGN if plate is not None and plate.kind in FOREIGN else MOROCCAN
        told = boxed(shot.points, rng) if rng.random() < _BOXED else rough(shot.corners, rng)
        reading = self._readers[kinds].read(shot.luma, told)
        return None if reading is None else example_of(reading, plate, flat)

    def _no_plate(self, rng: Rng) -> Example | None:
        """What the detector takes for a plate in a street without any, read."""
        luma = street(rng, self._typefaces)
        found = self._detector.detect(luma)
        kinds = FOREIGN if rng.random() < _FOREIGN_READER else MOROCCAN
        reading = self._readers[kinds].read_found(luma, found[0]) if found else None
        if reading is None:
            return None
        figures, is_foreign = reading.evidence, reading.plate.kind in FOREIGN
        return Example(figures.share, figures.likelihood, is_foreign, False, (), figures.plate_chance, is_plate=False)


def street(rng: Rng, typefaces: Typefaces) -> Luma:
    """Boards and shop signs, at times a car with one where its plate should be, or the clock that a camera writes."""
    image = backdrop(rng, typefaces, _STREET)
    for _ in range(int(rng.integers(1, 5))):
        add_board(image, rng, typefaces)
    if rng.random() < _CAR:
        half = rng.uniform([50, 12], [140, 50])
        corners = rng.uniform([100, 80], [380, 220]) + half * [[-1, -1], [1, -1], [1, 1], [-1, 1]]
        car_around(image, corners.astype(np.float32), rng)
        add_board(image, rng, typefaces)
    if rng.random() < _CLOCK:
        add_caption(image, rng, typefaces)
    return expose(np.asarray(image, dtype=np.float32), _BOARD_PX, rng)


def example_of(reading: Reading, plate: Plate | None, flat: FlatPlate) -> Example:
    """What is to be learnt of one read."""
    truth = [token for line in flat.lines for token in line.tokens]
    spelled = reading.evidence.tokens
    right = aligned(spelled, truth)
    chars = tuple(zip(reading.evidence.char_shares, right, strict=True))
    figures, is_foreign = reading.evidence, reading.plate.kind in FOREIGN
    return Example(figures.share, figures.likelihood, is_foreign, reading.plate == plate, chars, figures.plate_chance)


def aligned(read: Sequence[str], truth: Sequence[str]) -> list[bool]:
    """Which of the tokens read are among those in truth, in their places: by the fewest changes of one to the other."""
    costs = np.zeros((len(read) + 1, len(truth) + 1), dtype=int)
    costs[:, 0], costs[0] = np.arange(len(read) + 1), np.arange(len(truth) + 1)
    for row, token in enumerate(read, 1):
        for column, wanted in enumerate(truth, 1):
            changed = costs[row - 1, column - 1] + (token != wanted)
            costs[row, column] = min(costs[row - 1, column] + 1, costs[row, column - 1] + 1, changed)
    right = [False] * len(read)
    row, column = len(read), len(truth)
    while row and column:
        same = read[row - 1] == truth[column - 1]
        if costs[row, column] == costs[row - 1, column - 1] + (not same):
            row, column = row - 1, column - 1
            right[row] = same
        elif costs[row, column] == costs[row - 1, column] + 1:
            row -= 1
        else:
            column -= 1
    return right


def left_of(flat: Luma, shot: Shot) -> float:
    """How much is left of a plate in a picture of it: where least is, the correlation of both, straightened."""
    height, width = flat.shape
    full = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    wanted, seen = (rectify(flat, full, *_CROP_PX), rectify(shot.luma, shot.points, *_CROP_PX))
    starts = range(_EDGE_PX, _CROP_PX[0] - _EDGE_PX - _PART_PX + 1, _PART_PX // 2)
    parts = [(slice(_EDGE_PX, -_EDGE_PX), slice(start, start + _PART_PX)) for start in starts]
    alike = [_correlation(wanted[part], seen[part]) for part in parts if wanted[part].std() > _DRAWN_LEAST]
    return min(alike, default=0.0)


def _correlation(wanted: Luma, seen: Luma) -> float:
    return float(np.corrcoef(wanted.ravel(), seen.ravel())[0, 1]) if seen.std() > 0 else 0.0


def fit(examples: Sequence[Example], right: float | None = RIGHT) -> Calibration:
    """The curves that are likeliest by the examples, weighed as `weights` does."""
    groups = [[one for one in examples if one.is_foreign == foreign] for foreign in (False, True)]
    counted = [weights(group, share) for group, share in zip(groups, (right, None), strict=True)]
    (text, plate), (foreign_text, foreign_plate) = (_curves(*pair) for pair in zip(groups, counted, strict=True))
    pairs = [pair for part in zip(groups, counted, strict=True) for pair in zip(*part, strict=True)]
    chars = np.array(
        [(1.0, log_odds(share), is_right, weight) for one, weight in pairs for share, is_right in one.chars]
    )
    return Calibration(text, plate, foreign_text, foreign_plate, logistic(chars[:, :2], chars[:, 2], chars[:, 3]))


def weights(examples: Sequence[Example], right: float | None) -> Floats:
    """How much each example counts, one on average: as if the share `right` of the plates had been read right.

    None leaves that share as it was drawn. What is no plate counts as `NO_PLATE` of all.
    """
    is_right, is_plate = (np.array([getattr(one, name) for one in examples]) for name in ("is_right", "is_plate"))
    plates, correct = max(1, int(is_plate.sum())), int(is_right.sum())
    share = correct / plates if right is None or correct in (0, plates) else right
    others = len(examples) - int(is_plate.sum())
    elsewhere = NO_PLATE if others else 0.0
    counted = np.where(
        is_right, share / max(1, correct), np.where(is_plate, (1 - share) / max(1, plates - correct), 0.0)
    )
    result: Floats = len(examples) * np.where(is_plate, (1 - elsewhere) * counted, elsewhere / max(1, others))
    return result


def _curves(examples: Sequence[Example], counted: Floats) -> tuple[Curve, Curve]:
    """Whether the text is right where there is a plate, and whether there is one."""
    is_plate = np.array([one.is_plate for one in examples], dtype=bool)
    is_right = np.array([one.is_right for one in examples], dtype=float)
    shares = np.array([(1.0, log_odds(one.share)) for one in examples])
    looks = np.array([(1.0, log_likelihood(one.likelihood), log_odds(one.plate_chance)) for one in examples])
    text = logistic(shares[is_plate], is_right[is_plate], counted[is_plate])
    return text, logistic(looks, is_plate.astype(float), counted)


def logistic(values: Floats, right: Floats, counted: Floats | None = None) -> Curve:
    """Weights of the logistic curve that is likeliest, by Newton's method; a little drawn to nothing."""
    curve = np.zeros(values.shape[1])
    little = 1e-3 * np.eye(len(curve))
    weight = np.ones(len(values)) if counted is None else counted
    for _round in range(_ROUNDS):
        likely = 1 / (1 + np.exp(-(values @ curve).clip(-30, 30)))
        slope = values.T @ (weight * (likely - right)) + little @ curve
        bend = (values * (weight * likely * (1 - likely))[:, None]).T @ values + little
        curve = curve - np.linalg.solve(bend, slope)
    return tuple(round(float(weight), 4) for weight in curve)


@dataclass(frozen=True)
class Fitness:
    """How honest confidences are before a camera: the mean gap to the share of right ones, for texts and characters."""

    drawn_right: float
    """Of the drawn plates; the other figures weigh them."""
    text_error: float
    char_error: float
    sure_from: float
    """From this confidence on, one text in a hundred is wrong."""

    @classmethod
    def of(cls, calibration: Calibration, examples: Sequence[Example], right: float | None = RIGHT) -> "Fitness":
        """On examples that were not fitted."""
        counted = weights(examples, right)
        texts = [
            (_confidence(calibration, one), one.is_right, weight) for one, weight in zip(examples, counted, strict=True)
        ]
        chars = [
            (calibration.char_confidence(share), is_right, weight)
            for one, weight in zip(examples, counted, strict=True)
            for share, is_right in one.chars
        ]
        drawn = float(np.mean([one.is_right for one in examples if one.is_plate]))
        return cls(drawn, gap(np.array(texts)), gap(np.array(chars)), sure_from(np.array(texts)))


def _confidence(calibration: Calibration, one: Example) -> float:
    return calibration.confidence(one.share, one.likelihood, plate_chance=one.plate_chance, is_foreign=one.is_foreign)


def gap(told: Floats, bins: int = 10) -> float:
    """How far confidence and truth are apart, bin by bin; a row is a confidence, whether it was right, and a weight."""
    inside = np.minimum(bins - 1, (told[:, 0] * bins).astype(int))
    off = (told[:, 0] - told[:, 1]) * told[:, 2]
    return float(sum(abs(off[inside == number].sum()) for number in range(bins)) / told[:, 2].sum())


def sure_from(told: Floats, wrong_most: float = 0.01) -> float:
    """The least confidence from which on at most so many are wrong."""
    ranked = told[np.argsort(-told[:, 0])]
    wrong = np.cumsum((1 - ranked[:, 1]) * ranked[:, 2]) / np.cumsum(ranked[:, 2])
    good = np.flatnonzero(wrong <= wrong_most)
    return float(ranked[good[-1], 0]) if len(good) else 1.0


def write(calibration: Calibration, models: Path = MODELS) -> None:
    """Set `[reader.calibration]` in the list of models."""
    path = models / "models.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join([*_without_table(lines, "[reader.calibration]"), *_table(calibration)]) + "\n", encoding="utf-8"
    )


def _table(calibration: Calibration) -> list[str]:
    curves = ((name, getattr(calibration, name)) for name in CURVES)
    return ["", "[reader.calibration]", *(f"{name} = [{', '.join(map(str, curve))}]" for name, curve in curves)]


def _without_table(lines: Iterable[str], heading: str) -> list[str]:
    kept: list[str] = []
    inside = False
    for line in lines:
        inside = line == heading or (inside and not line.startswith("["))
        kept += [] if inside else [line]
    while kept and not kept[-1]:
        kept.pop()
    return kept
