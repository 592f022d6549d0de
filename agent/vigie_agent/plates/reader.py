"""What a straightened plate says: a network's steps, and the grammar's beam over them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.rectify import Corners, Luma, rectify
from vigie_agent.plates.runtime import MODELS, load_network
from vigie_shared.plates import FOREIGN, MOROCCAN, Plate, PlateKind, could_begin, from_glyphs

_BEAM_WIDTH = 8
_CLASS_FLOOR = 3e-3
_HOPELESS = 1e-5
_ALTERNATIVES = 4
_NEXT_LINE = "\n"

TWO_LINES_TO, ONE_LINE_FROM = 2.6, 1.7
"""A plate's width over its height: up to the first it may have two lines, from the second on one."""
SURE_ENOUGH = 0.5
_SLOPES = (0.2, -0.2, 0.4, -0.4)
_GROWTHS = (1.12, 1.25, 0.9)
FOREIGN_CHANCE = 0.1
"""How likely a foreign plate is beside a Moroccan one, where both are read: its grammar takes nearly anything."""


@dataclass(frozen=True)
class Reading:
    """A plate read once. `confidence` is the probability of the text, `char_confidences` of each drawn character."""

    plate: Plate
    confidence: float
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[str, float], ...]

    @property
    def text(self) -> str:
        """The plate's canonical text."""
        return self.plate.text


class Reader:
    """Reads plates that a detector has found, of the `kinds` that may pass here."""

    def __init__(self, folder: Path = MODELS, kinds: Sequence[PlateKind] = MOROCCAN) -> None:
        self._network = load_network("reader", folder)
        self._tokens = self._network.entry.alphabet
        self._kinds = tuple(kinds)
        self._height_px, self._width_px = self._network.input_shape

    def read(self, luma: Luma, corners: Corners) -> Reading | None:
        """The plate within `corners` of a grey picture, or None when what is there spells no plate.

        Where it cannot be read surely, the corners are doubted: a plate in an upright box, which no detector has told,
        may lie on a slope; a detector may have told them too near or too far.
        """
        first = self._read_once(luma, corners)
        if first and first.confidence >= SURE_ENOUGH:
            return first
        if is_upright(corners):
            guesses = [sloped(corners, slope) for slope in _SLOPES]
        else:
            guesses = [grown(corners, factor) for factor in _GROWTHS]
        others = (self._read_once(luma, guess) for guess in guesses)
        return max((one for one in (first, *others) if one), key=lambda one: one.confidence, default=None)

    def _read_once(self, luma: Luma, corners: Corners) -> Reading | None:
        ratio = _ratio(corners)
        one = self._read_lines(luma, (corners,)) if ratio >= ONE_LINE_FROM else None
        two = self._read_lines(luma, halves(corners)) if ratio <= TWO_LINES_TO else None
        return max((found for found in (one, two) if found), key=lambda found: found.confidence, default=None)

    def read_crop(self, crop: Luma) -> Reading | None:
        """The one-line plate on a crop that `rectify` made."""
        return decode_lines([softmax(self._network.run(crop))], self._tokens, self._kinds)

    def _read_lines(self, luma: Luma, lines: Sequence[Corners]) -> Reading | None:
        crops = (rectify(luma, line, self._width_px, self._height_px) for line in lines)
        steps = [softmax(self._network.run(crop)) for crop in crops]
        return decode_lines(steps, self._tokens, self._kinds)


def is_upright(corners: Corners) -> bool:
    """Whether the corners are exactly those of a box without a slope."""
    (left, top), _, (right, bottom), _ = corners
    return bool((corners == [[left, top], [right, top], [right, bottom], [left, bottom]]).all())


def sloped(corners: Corners, slope: float) -> Corners:
    """The plate that fills a box on a slope: its ends are lower than the box by that share, rising to the right."""
    left, right = (corners[3] - corners[0]) * abs(slope), (corners[2] - corners[1]) * abs(slope)
    nothing = np.zeros_like(left)
    cut = (left, nothing, -right, nothing) if slope > 0 else (nothing, right, nothing, -left)
    result: Corners = (corners + np.stack(cut)).astype(np.float32)
    return result


def grown(corners: Corners, factor: float) -> Corners:
    """The corners farther from their middle along the plate, and a little across it."""
    along = (corners[1] + corners[2] - corners[0] - corners[3]) * (factor - 1) / 4
    across = (corners[2] + corners[3] - corners[0] - corners[1]) * (factor - 1) / 8
    outwards = [-along - across, along - across, along + across, -along + across]
    result: Corners = (corners + np.stack(outwards)).astype(np.float32)
    return result


def halves(corners: Corners) -> tuple[Corners, Corners]:
    """The upper and the lower half of a plate."""
    middle = (corners[:2] + corners[:1:-1]) / 2
    return np.concatenate([corners[:2], middle[::-1]]), np.concatenate([middle, corners[2:]])


def _ratio(corners: Corners) -> float:
    across, down = corners[1] + corners[2] - corners[0] - corners[3], corners[2] + corners[3] - corners[0] - corners[1]
    return float(np.linalg.norm(across)) / max(1e-6, float(np.linalg.norm(down)))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=-1, keepdims=True)
    return result


def decode_lines(
    lines: Sequence[NDArray[np.float32]], tokens: Sequence[str], kinds: Sequence[PlateKind] = MOROCCAN
) -> Reading | None:
    """Decode the steps of each line of one plate, the uppermost first."""
    classes = len(tokens)
    pause = np.zeros((1, classes + 2), dtype=np.float32)
    pause[0, classes] = 1.0
    wider = [np.insert(steps, classes, 0.0, axis=1) for steps in lines]
    joined = [wider[0], *(part for line in wider[1:] for part in (pause, line))]
    return decode(np.concatenate(joined), (*tokens, _NEXT_LINE), kinds, len(lines))


@dataclass
class _Prefix:
    """A beginning of the text: its probability ending in a blank and in its last token, and each token's own."""

    blank: float = 0.0
    token: float = 0.0
    last: str = ""
    chances: tuple[float, ...] = ()

    @property
    def total(self) -> float:
        return self.blank + self.token


@dataclass(frozen=True)
class _Rules:
    """What the beam may not leave."""

    kinds: tuple[PlateKind, ...]
    lines: int

    def allow(self, glyphs: str) -> bool:
        return _could_begin(glyphs, self.kinds, self.lines)


def decode(
    steps: NDArray[np.float32], tokens: Sequence[str], kinds: Sequence[PlateKind] = MOROCCAN, lines: int = 1
) -> Reading | None:
    """Prefix beam search over CTC steps (class probabilities, the blank last) that never leaves the grammars.

    A token is what one class draws: a character, or a whole word such as المغرب.
    """
    rules = _Rules(tuple(kinds), lines)
    beam: dict[str, _Prefix] = {"": _Prefix(blank=1.0)}
    blanks: list[float] = steps[:, -1].tolist()
    likely: list[list[tuple[str, float]]] = [[] for _ in blanks]
    for number, index in np.argwhere(steps[:, :-1] > _CLASS_FLOOR).tolist():
        likely[number].append((tokens[index], float(steps[number, index])))
    for blank, chances in zip(blanks, likely, strict=True):
        if chances:
            beam = _pruned(_advanced(beam, blank, chances, rules))
            continue
        for prefix in beam.values():
            prefix.blank, prefix.token = prefix.total * blank, 0.0
    return _reading(beam, rules)


def _reading(beam: Mapping[str, _Prefix], rules: _Rules) -> Reading | None:
    """The likeliest plate; spellings of one plate, such as its Latin letter, count together."""
    plates: dict[str, tuple[Plate, _Prefix, float]] = {}
    for glyphs, prefix in sorted(beam.items(), key=lambda one: -one[1].total):
        if plate := from_glyphs(glyphs, rules.kinds, rules.lines):
            _plate, best, total = plates.get(plate.text, (plate, prefix, 0.0))
            plates[plate.text] = plate, best, total + prefix.total
    if not plates:
        return None
    ranked = sorted(plates.values(), key=lambda one: -one[2] * (FOREIGN_CHANCE if one[0].kind in FOREIGN else 1.0))
    plate, best, total = ranked[0]
    others = tuple((other.text, chance) for other, _prefix, chance in ranked[1 : 1 + _ALTERNATIVES])
    return Reading(plate, min(1.0, total), best.chances, others)


def _advanced(
    beam: Mapping[str, _Prefix], blank: float, likely: list[tuple[str, float]], rules: _Rules
) -> dict[str, _Prefix]:
    grown: dict[str, _Prefix] = {}
    for text, prefix in beam.items():
        kept = grown.setdefault(text, _Prefix(last=prefix.last, chances=prefix.chances))
        kept.blank += prefix.total * blank
        kept.chances = kept.chances or prefix.chances
        for token, chance in likely:
            again = prefix.last == token
            if again:
                kept.token += prefix.token * chance
                kept.chances = (*kept.chances[:-1], max(kept.chances[-1], chance))
            came_from = prefix.blank if again else prefix.total
            longer = text + token
            if came_from > 0.0 and rules.allow(longer):
                chances = prefix.chances if token == _NEXT_LINE else (*prefix.chances, chance)
                new = grown.setdefault(longer, _Prefix(last=token, chances=chances))
                new.token += came_from * chance
    return grown


def _pruned(beam: dict[str, _Prefix]) -> dict[str, _Prefix]:
    floor = _HOPELESS * max((prefix.total for prefix in beam.values()), default=0.0)
    hopeful = [one for one in beam.items() if one[1].total > floor]
    return dict(sorted(hopeful, key=lambda one: -one[1].total)[:_BEAM_WIDTH])


@lru_cache(maxsize=65536)
def _could_begin(glyphs: str, kinds: tuple[PlateKind, ...], lines: int) -> bool:
    return could_begin(glyphs, kinds, lines)
