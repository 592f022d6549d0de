"""What the reader's own figures are worth: fitted on drawn plates that it was not taught with, never on real ones.

The reader is taught on pictures worse than most and in all lettering that there is. Here only pictures count in which
about as much is left of the plate as cameras leave of it, and the lettering is the agent's own, plain as most plates'.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.street.camera import Shot, photograph
from training.street.plates import FlatPlate, random_flat
from training.street.typefaces import Typefaces, mask_of
from training.street.windows import boxed, rough
from vigie_agent.plates.calibration import Calibration, features, log_odds
from vigie_agent.plates.decoding import Reading
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
_NO_PLATE: Final = 0.06
"""How often something else is read: a board, a name on a bumper, the clock that a camera writes into its picture."""
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


class Examples:
    """Draws plates, and has them read as they would be read on a picture."""

    def __init__(self, typefaces: Typefaces, models: Path = MODELS, left_least: float = _LEFT_LEAST) -> None:
        self._typefaces, self._left_least = typefaces, left_least
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
        shot = photograph(caption(rng, self._typefaces), rng, float(rng.uniform(0.1, 0.9)), typefaces=self._typefaces)
        reading = self._readers[MOROCCAN].read(shot.luma, rough(shot.corners, rng))
        return (
            None if reading is None else Example(reading.evidence.share, reading.evidence.likelihood, False, False, ())
        )


def caption(rng: Rng, typefaces: Typefaces) -> Luma:
    """Letters, digits and colons in a row, on one tone."""
    font, tone = typefaces.latin_font(rng), int(rng.integers(0, 256))
    ink = tone - 90 if tone > 127 else tone + 90
    chars = "".join(str(rng.choice([*"0123456789:ABCMW"])) for _ in range(int(rng.integers(4, 13))))
    masks = [mask_of(font, char) for char in chars]
    strip = Image.new("L", (sum(mask.width + 6 for mask in masks) + 30, 110), tone)
    x = 15
    for mask in masks:
        strip.paste(ink, (x, 95 - mask.height), mask)
        x += mask.width + 6
    return np.asarray(strip)


def example_of(reading: Reading, plate: Plate | None, flat: FlatPlate) -> Example:
    """What is to be learnt of one read."""
    truth = [token for line in flat.lines for token in line.tokens]
    spelled = reading.evidence.tokens
    right = aligned(spelled, truth)
    chars = tuple(zip(reading.evidence.char_shares, right, strict=True))
    is_foreign = reading.plate.kind in FOREIGN
    return Example(reading.evidence.share, reading.evidence.likelihood, is_foreign, reading.plate == plate, chars)


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


def fit(examples: Sequence[Example]) -> Calibration:
    """The curves that are likeliest by the examples."""
    text, foreign = (_text_curve([one for one in examples if one.is_foreign == foreign]) for foreign in (False, True))
    chars = [(log_odds(share), is_right) for one in examples for share, is_right in one.chars]
    odds = np.array([(1.0, value) for value, _right in chars])
    char = logistic(odds, np.array([is_right for _value, is_right in chars], dtype=float))
    return Calibration(text, foreign, (char[0], char[1]))


def _text_curve(examples: Sequence[Example]) -> tuple[float, float, float]:
    values = np.array([features(one.share, one.likelihood) for one in examples])
    bias, share, doubt = logistic(values, np.array([one.is_right for one in examples], dtype=float))
    return bias, share, doubt


def logistic(values: Floats, right: Floats) -> tuple[float, ...]:
    """Weights of the logistic curve that is likeliest, by Newton's method; a little drawn to nothing."""
    weights = np.zeros(values.shape[1])
    little = 1e-3 * np.eye(len(weights))
    for _round in range(_ROUNDS):
        likely = 1 / (1 + np.exp(-(values @ weights).clip(-30, 30)))
        slope = values.T @ (likely - right) + little @ weights
        bend = (values * (likely * (1 - likely))[:, None]).T @ values + little
        weights = weights - np.linalg.solve(bend, slope)
    return tuple(round(float(weight), 4) for weight in weights)


@dataclass(frozen=True)
class Fitness:
    """How honest confidences are: the mean gap to the share of right ones, for texts and for characters."""

    right: float
    text_error: float
    char_error: float
    sure_from: float
    """From this confidence on, one text in a hundred is wrong."""

    @classmethod
    def of(cls, calibration: Calibration, examples: Sequence[Example]) -> "Fitness":
        """On examples that were not fitted."""
        texts = np.array(
            [
                (calibration.confidence(one.share, one.likelihood, is_foreign=one.is_foreign), one.is_right)
                for one in examples
            ]
        )
        chars = np.array(
            [(calibration.char_confidence(share), is_right) for one in examples for share, is_right in one.chars]
        )
        return cls(float(texts[:, 1].mean()), gap(texts), gap(chars), sure_from(texts))


def gap(pairs: Floats, bins: int = 10) -> float:
    """How far confidence and truth are apart, bin by bin, weighed by what is in each."""
    inside = np.minimum(bins - 1, (pairs[:, 0] * bins).astype(int))
    apart = (abs((pairs[inside == number, 0] - pairs[inside == number, 1]).sum()) for number in range(bins))
    return float(sum(apart) / len(pairs))


def sure_from(pairs: Floats, wrong_most: float = 0.01) -> float:
    """The least confidence from which on at most so many are wrong."""
    ranked = pairs[np.argsort(-pairs[:, 0])]
    wrong = np.cumsum(1 - ranked[:, 1]) / np.arange(1, len(ranked) + 1)
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
    curves = (("text", calibration.text), ("foreign", calibration.foreign), ("chars", calibration.chars))
    return ["", "[reader.calibration]", *(f"{name} = [{', '.join(map(str, weights))}]" for name, weights in curves)]


def _without_table(lines: Iterable[str], heading: str) -> list[str]:
    kept: list[str] = []
    inside = False
    for line in lines:
        inside = line == heading or (inside and not line.startswith("["))
        kept += [] if inside else [line]
    while kept and not kept[-1]:
        kept.pop()
    return kept
