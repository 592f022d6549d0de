"""From a network's steps to a plate: a beam that never leaves the grammars, its confidence and what else it may be.

A step is a column of the picture: a chance for each token and, last, for none of them. Where a step surely holds none,
what lies before it and what lies behind do not touch: the line falls into segments, nearly always of one to three
steps. What each may spell is counted out, and a beam joins the segments to plates. Where steps run on without a pause,
which happens on blurred plates, the beam goes through them one by one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vigie_shared.plates import FOREIGN, MOROCCAN, Plate, PlateKind, State, beginning, from_glyphs

_BEAM_WIDTH: Final = 8
_CLASS_FLOOR: Final = 3e-3
_HOPELESS: Final = 1e-4
_ALTERNATIVES: Final = 4
_NEXT_LINE: Final = "\n"
_SHORT: Final = 4
"""Steps of a segment that is counted out."""
_SPELLINGS: Final = 24

FOREIGN_CHANCE: Final = 0.1
"""How likely a foreign plate is beside a Moroccan one, where nobody says: its grammar takes nearly anything."""
KIND_CHANCE_LEAST: Final = 0.01
"""However unlikely a kind is said to be: a clear text outweighs it."""

Steps = NDArray[np.float32]
"""Steps x tokens and one: chances, the last for none."""
Priors = Mapping[PlateKind, float]
_Step = tuple[float, list[tuple[str, float]]]
"""The chance of no token, and the tokens that have one."""


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


def softmax(logits: NDArray[np.float32]) -> Steps:
    """Probabilities along the last axis."""
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    result: NDArray[np.float32] = raised / raised.sum(axis=-1, keepdims=True)
    return result


def decode(steps: Steps, tokens: Sequence[str], kinds: Sequence[PlateKind] = MOROCCAN) -> Reading | None:
    """The plate on one line."""
    return decode_lines([steps], tokens, kinds)


def decode_lines(
    lines: Sequence[Steps],
    tokens: Sequence[str],
    kinds: Sequence[PlateKind] = MOROCCAN,
    priors: Priors | None = None,
) -> Reading | None:
    """The plate of one of `kinds` that is on the lines, the uppermost first.

    A token is what one class draws: a character, or a whole word such as المغرب. `priors` are the kinds' chances by
    the plate's looks, where they are known.
    """
    rules = _Rules(tuple(kinds), len(lines))
    start = beginning(rules.kinds, rules.lines)
    beam = {"": _Prefix(start, 1.0)} if start else {}
    pauses = 1.0
    for number, steps in enumerate(lines):
        if number > 0:
            beam = _on_next_line(beam)
        segments, paused = _segments(steps, tokens)
        pauses *= paused
        for segment in segments:
            beam = _joined(beam, segment) if len(segment) <= _SHORT else _followed(beam, segment)
    return _reading(beam, pauses, rules, priors)


@dataclass(slots=True)
class _Prefix:
    """A beginning of the text: what may follow it, its probability, and that of each of its tokens in its place."""

    state: State
    total: float
    chances: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the beam may not leave."""

    kinds: tuple[PlateKind, ...]
    lines: int


def _segments(steps: Steps, tokens: Sequence[str]) -> tuple[list[list[_Step]], float]:
    """The runs of steps that may hold a token, and the chance that all others hold none."""
    numbers, indices = np.nonzero(steps[:, :-1] > _CLASS_FLOOR)
    values = steps[numbers, indices].tolist()
    blanks = steps[:, -1].tolist()
    segments: list[list[_Step]] = []
    likely: list[tuple[str, float]] = []
    last = -2
    for number, index, chance in zip(numbers.tolist(), indices.tolist(), values, strict=True):
        if number != last:
            if number > last + 1:
                segments.append([])
            likely = []
            segments[-1].append((blanks[number], likely))
            blanks[number], last = 1.0, number
        likely.append((tokens[index], chance))
    return segments, math.prod(blanks)


def _on_next_line(beam: Mapping[str, _Prefix]) -> dict[str, _Prefix]:
    moved = ((text, one, one.state.after(_NEXT_LINE)) for text, one in beam.items())
    return {text + _NEXT_LINE: _Prefix(state, one.total, one.chances) for text, one, state in moved if state}


def _joined(beam: Mapping[str, _Prefix], segment: Sequence[_Step]) -> dict[str, _Prefix]:
    """The beam with whatever the segment may spell behind each of its texts."""
    grown: dict[str, _Prefix] = {}
    spellings = _spellings(segment)
    for text, prefix in beam.items():
        for spelled, chance, chances in spellings:
            state = prefix.state.after(spelled) if spelled else prefix.state
            if state is None:
                continue
            longer, total = text + spelled, prefix.total * chance
            same = grown.get(longer)
            if same is None:
                grown[longer] = _Prefix(state, total, prefix.chances + chances)
                continue
            if total > same.total:
                same.chances = prefix.chances + chances
            same.total += total
    return _pruned(grown)


def _spellings(segment: Sequence[_Step]) -> list[tuple[str, float, tuple[float, ...]]]:
    """All that the segment may spell, with its probability and that of each token."""
    if len(segment) == 1:
        blank, likely = segment[0]
        return [("", blank, ()), *((token, chance, (chance,)) for token, chance in likely)]
    if len(segment) == 2 and (token := _only_token(segment)):
        (before, ((_one, first),)), (behind, ((_same, second),)) = segment
        held = first * behind + before * second + first * second
        return [("", before * behind, ()), (token, held, (held,))]
    ends: dict[tuple[str, ...], tuple[float, float]] = {(): (1.0, 0.0)}
    for blank, likely in segment:
        ends = _stepped(ends, blank, likely)
    totals = {spelled: sum(both) for spelled, both in ends.items()}
    return [("".join(one), total, _chances(one, total, totals)) for one, total in totals.items()]


def _only_token(segment: Sequence[_Step]) -> str | None:
    """The token that is the only one in every step."""
    first = segment[0][1][0][0]
    return first if all(len(likely) == 1 and likely[0][0] == first for _blank, likely in segment) else None


def _stepped(
    ends: Mapping[tuple[str, ...], tuple[float, float]], blank: float, likely: Sequence[tuple[str, float]]
) -> dict[tuple[str, ...], tuple[float, float]]:
    """One step further: each spelling's probability ending in a pause, and in its last token."""
    grown: dict[tuple[str, ...], list[float]] = {}
    for spelled, (paused, held) in ends.items():
        grown.setdefault(spelled, [0.0, 0.0])[0] += (paused + held) * blank
        for token, chance in likely:
            came_from = paused + held
            if spelled and spelled[-1] == token:
                grown[spelled][1] += held * chance
                came_from = paused
            if came_from > 0.0:
                grown.setdefault((*spelled, token), [0.0, 0.0])[1] += came_from * chance
    kept = sorted(grown.items(), key=lambda one: -sum(one[1]))[:_SPELLINGS]
    return {spelled: (paused, held) for spelled, (paused, held) in kept}


def _chances(spelled: tuple[str, ...], total: float, totals: Mapping[tuple[str, ...], float]) -> tuple[float, ...]:
    """How likely each token of a spelling is in its place, whatever the others are."""
    if len(spelled) < 2:
        return (total,) * len(spelled)
    alike = [(other, chance) for other, chance in totals.items() if len(other) == len(spelled)]
    return tuple(sum(chance for other, chance in alike if other[at] == one) for at, one in enumerate(spelled))


def _followed(beam: Mapping[str, _Prefix], segment: Sequence[_Step]) -> dict[str, _Prefix]:
    """The beam after a long segment, gone through step by step."""
    ends = {text: _End(one.state, one.total, 0.0, "", one.chances) for text, one in beam.items()}
    for blank, likely in segment:
        ends = _advanced(ends, blank, likely)
        hopeful = sorted(ends.items(), key=lambda one: -one[1].total)[:_BEAM_WIDTH]
        ends = {text: end for text, end in hopeful if end.total > _HOPELESS * hopeful[0][1].total}
    return {text: _Prefix(end.state, end.total, end.chances) for text, end in ends.items()}


@dataclass(slots=True)
class _End:
    """A beginning of the text: its probability ending in a pause and in its last token, and each token's own."""

    state: State
    paused: float
    held: float
    last: str
    chances: tuple[float, ...]

    @property
    def total(self) -> float:
        return self.paused + self.held


def _advanced(ends: Mapping[str, _End], blank: float, likely: Sequence[tuple[str, float]]) -> dict[str, _End]:
    grown: dict[str, _End] = {}
    for text, end in ends.items():
        kept = grown.setdefault(text, _End(end.state, 0.0, 0.0, end.last, end.chances))
        kept.paused += end.total * blank
        for token, chance in likely:
            again = end.last == token
            if again:
                kept.held += end.held * chance
                kept.chances = (*kept.chances[:-1], max(kept.chances[-1], chance))
            came_from = end.paused if again else end.total
            state = end.state.after(token)
            if came_from > 0.0 and state is not None:
                new = grown.setdefault(text + token, _End(state, 0.0, 0.0, token, (*end.chances, chance)))
                new.held += came_from * chance
    return grown


def _pruned(beam: dict[str, _Prefix]) -> dict[str, _Prefix]:
    if len(beam) < 2:
        return beam
    ranked = sorted(beam.items(), key=lambda one: -one[1].total)[:_BEAM_WIDTH]
    floor = _HOPELESS * ranked[0][1].total
    return {text: one for text, one in ranked if one.total > floor}


def _reading(beam: Mapping[str, _Prefix], pauses: float, rules: _Rules, priors: Priors | None) -> Reading | None:
    """The likeliest plate; spellings of one plate, such as its Latin letter, count together."""
    plates: dict[str, tuple[Plate, _Prefix, float]] = {}
    for glyphs, prefix in sorted(beam.items(), key=lambda one: -one[1].total):
        if prefix.state.is_plate and (plate := from_glyphs(glyphs, rules.kinds, rules.lines)):
            _plate, best, total = plates.get(plate.text, (plate, prefix, 0.0))
            plates[plate.text] = plate, best, total + prefix.total * pauses
    if not plates:
        return None
    ranked = sorted(plates.values(), key=lambda one: -one[2] * _kind_chance(one[0].kind, priors))
    plate, best, total = ranked[0]
    others = tuple((other.text, chance) for other, _prefix, chance in ranked[1 : 1 + _ALTERNATIVES])
    return Reading(plate, min(1.0, total), best.chances, others)


def _kind_chance(kind: PlateKind, priors: Priors | None) -> float:
    if priors is None:
        return FOREIGN_CHANCE if kind in FOREIGN else 1.0
    return max(KIND_CHANCE_LEAST, priors.get(kind, 0.0))
