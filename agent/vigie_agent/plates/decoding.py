"""From a network's steps to a plate: a beam that never leaves the grammars, its confidence and what else it may be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vigie_shared.plates import FOREIGN, MOROCCAN, Plate, PlateKind, could_begin, from_glyphs

_BEAM_WIDTH = 8
_CLASS_FLOOR = 3e-3
_HOPELESS = 1e-5
_ALTERNATIVES = 4
_NEXT_LINE = "\n"

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
