"""From a network's steps to a plate: a beam that never leaves the grammars, its confidence and what else it may be.

A step is a column of the picture: a chance for each token and, last, for none of them. Where a step surely holds none,
what lies before it and what lies behind do not touch: the line falls into segments, nearly always of one to three
steps. What each may spell is counted out, and a beam joins the segments to plates. Where steps run on without a pause,
which happens on blurred plates, the beam goes through them one by one.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.calibration import AS_READ, Calibration
from vigie_shared.plates import FOREIGN, MOROCCAN, Plate, PlateKind, State, beginning, from_glyphs

_BEAM_WIDTH: Final = 12
_CLASS_FLOOR: Final = 3e-3
_HOPELESS: Final = 2e-4
_ALTERNATIVES: Final = 4
_NEXT_LINE: Final = "\n"
_SHORT: Final = 4
"""Steps of a segment that is counted out."""
_SPELLINGS: Final = 24
_VAGUE_FROM: Final = 2
_VAGUE_FLOOR: Final = 0.01
"""The least chance of a token in segments of more steps than that."""

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
class Evidence:
    """What a confidence is made of: shares among the plates that may be there, and the likelihood of the text itself.

    `tokens` are what is drawn, each with its share. The shares take for granted that there is a plate; the likelihood,
    what the steps spell by themselves, does not.
    """

    share: float = 1.0
    likelihood: float = 1.0
    tokens: tuple[str, ...] = ()
    char_shares: tuple[float, ...] = ()
    plate_chance: float = 1.0
    """How likely it is by its looks that there is a plate."""


@dataclass(frozen=True)
class Reading:
    """A plate read once. `confidence` is the probability of the text, `char_confidences` of each drawn character."""

    plate: Plate
    confidence: float
    char_confidences: tuple[float, ...]
    alternatives: tuple[tuple[str, float], ...]
    """What else it may be: texts and their probabilities, likeliest first."""
    evidence: Evidence = Evidence()

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
    calibration: Calibration = AS_READ,
    plate_chance: float = 1.0,
) -> Reading | None:
    """The plate of one of `kinds` that is on the lines, the uppermost first.

    A token is what one class draws: a character, or a whole word such as المغرب. `priors` are the kinds' chances by
    the plate's looks, where they are known, and `plate_chance` that of its being a plate.
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
    return _reading(_plates(beam, pauses, rules, priors), calibration, plate_chance)


@dataclass(slots=True)
class _Prefix:
    """A beginning of the text: its tokens, what may follow them, and the probability of them all."""

    state: State
    total: float
    tokens: tuple[str, ...] = ()


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
    return [_clear(segment) for segment in segments], math.prod(blanks)


def _clear(segment: list[_Step]) -> list[_Step]:
    """Where steps run on, only tokens that have some chance: they cost most there, and nothing else hangs on them."""
    if len(segment) <= _VAGUE_FROM:
        return segment
    return [(blank, [one for one in likely if one[1] > _VAGUE_FLOOR]) for blank, likely in segment]


def _on_next_line(beam: Mapping[str, _Prefix]) -> dict[str, _Prefix]:
    moved = ((text, one, one.state.after(_NEXT_LINE)) for text, one in beam.items())
    return {text + _NEXT_LINE: _Prefix(state, one.total, one.tokens) for text, one, state in moved if state}


def _joined(beam: Mapping[str, _Prefix], segment: Sequence[_Step]) -> dict[str, _Prefix]:
    """The beam with whatever the segment may spell behind each of its texts; both go from the likeliest on."""
    grown: dict[str, _Prefix] = {}
    spellings = sorted(_spellings(segment), key=_chance_of_spelling, reverse=True)
    most = 0.0
    for text, prefix in beam.items():
        hopeless = _HOPELESS * most / prefix.total
        for spelled, tokens, chance in spellings:
            if chance < hopeless:
                break
            state = prefix.state.after(spelled) if spelled else prefix.state
            if state is None:
                continue
            longer, total = text + spelled, prefix.total * chance
            most = max(most, total)
            if (same := grown.get(longer)) is None:
                grown[longer] = _Prefix(state, total, prefix.tokens + tokens)
            else:
                same.total += total
    return _pruned(grown)


def _chance_of_spelling(spelling: tuple[str, tuple[str, ...], float]) -> float:
    return spelling[2]


def _spellings(segment: Sequence[_Step]) -> list[tuple[str, tuple[str, ...], float]]:
    """All that the segment may spell, and its probability."""
    if len(segment) == 1:
        blank, likely = segment[0]
        return [("", (), blank), *((token, (token,), chance) for token, chance in likely)]
    if len(segment) == 2 and (token := _only_token(segment)):
        (before, ((_one, first),)), (behind, ((_same, second),)) = segment
        return [("", (), before * behind), (token, (token,), first * behind + before * second + first * second)]
    ends: dict[tuple[str, ...], tuple[float, float]] = {(): (1.0, 0.0)}
    for blank, likely in segment:
        ends = _stepped(ends, blank, likely)
    return [("".join(tokens), tokens, paused + held) for tokens, (paused, held) in ends.items()]


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
    if len(grown) > _SPELLINGS:
        kept = sorted(grown.items(), key=lambda one: -sum(one[1]))[:_SPELLINGS]
        return {spelled: (paused, held) for spelled, (paused, held) in kept}
    return {spelled: (paused, held) for spelled, (paused, held) in grown.items()}


def _followed(beam: Mapping[str, _Prefix], segment: Sequence[_Step]) -> dict[str, _Prefix]:
    """The same for a long segment, gone through step by step."""
    ends = {text: _End(one.state, one.total, 0.0, "", one.tokens) for text, one in beam.items()}
    for blank, likely in segment:
        ends = _pruned(_advanced(ends, blank, sorted(likely, key=_chance_of_token, reverse=True)))
    return {text: _Prefix(end.state, end.total, end.tokens) for text, end in ends.items()}


@dataclass(slots=True)
class _End:
    """A beginning of the text: its probability ending in a pause, and in its last token within this segment."""

    state: State
    paused: float
    held: float
    last: str
    tokens: tuple[str, ...]

    @property
    def total(self) -> float:
        return self.paused + self.held


def _chance_of_token(pair: tuple[str, float]) -> float:
    return pair[1]


def _advanced(ends: Mapping[str, _End], blank: float, likely: Sequence[tuple[str, float]]) -> dict[str, _End]:
    """One step further; `ends` and `likely` go from the likeliest on."""
    grown: dict[str, _End] = {}
    most = 0.0
    for text, end in ends.items():
        kept = grown.setdefault(text, _End(end.state, 0.0, 0.0, end.last, end.tokens))
        kept.paused += end.total * blank
        hopeless = _HOPELESS * most / end.total
        for token, chance in likely:
            if chance < hopeless:
                break
            again = end.last == token
            if again:
                kept.held += end.held * chance
            came_from = end.paused if again else end.total
            if came_from > 0.0 and (state := end.state.after(token)) is not None:
                held = came_from * chance
                most = max(most, held)
                longer = text + token
                if (new := grown.get(longer)) is None:
                    grown[longer] = _End(state, 0.0, held, token, (*end.tokens, token))
                else:
                    new.held += held
        most = max(most, kept.total)
    return grown


_Held = TypeVar("_Held", _Prefix, _End)


def _pruned(beam: dict[str, _Held]) -> dict[str, _Held]:
    if len(beam) < 2:
        return beam
    floor = _HOPELESS * max(one.total for one in beam.values())
    hopeful = [(one.total, text, one) for text, one in beam.items() if one.total > floor]
    hopeful.sort(key=_total_of, reverse=True)
    return {text: one for _total, text, one in hopeful[:_BEAM_WIDTH]}


def _total_of(ranked: tuple[float, str, _Held]) -> float:
    return ranked[0]


@dataclass(slots=True)
class _Candidate:
    """A plate that may be there: its likelihood, and its weight among the others."""

    plate: Plate
    tokens: tuple[str, ...]
    likelihood: float
    weight: float


def _plates(beam: Mapping[str, _Prefix], pauses: float, rules: _Rules, priors: Priors | None) -> list[_Candidate]:
    """The likeliest first; spellings of one plate, such as its Latin letter, count together."""
    found: dict[str, _Candidate] = {}
    for glyphs, prefix in sorted(beam.items(), key=lambda one: -one[1].total):
        if prefix.state.is_plate and (plate := from_glyphs(glyphs, rules.kinds, rules.lines)):
            one = found.setdefault(plate.text, _Candidate(plate, prefix.tokens, 0.0, 0.0))
            one.likelihood += prefix.total * pauses
    for one in found.values():
        one.weight = one.likelihood * _kind_chance(one.plate.kind, priors)
    return sorted(found.values(), key=lambda one: -one.weight)


def _reading(plates: Sequence[_Candidate], calibration: Calibration, plate_chance: float) -> Reading | None:
    total = sum(one.weight for one in plates)
    if total <= 0.0:
        return None
    best, *others = plates
    char_shares = _char_shares(best.tokens, [(one.tokens, one.weight / total) for one in plates])
    share, likelihood = best.weight / total, min(1.0, best.likelihood)
    is_foreign = best.plate.kind in FOREIGN
    confidence = calibration.confidence(share, likelihood, plate_chance=plate_chance, is_foreign=is_foreign)
    chars = tuple(max(confidence, calibration.char_confidence(share)) for share in char_shares)
    left = (1.0 - confidence) / max(total - best.weight, 1e-30)
    scale = min(left, confidence / best.weight)
    alternatives = tuple((one.plate.text, one.weight * scale) for one in others[:_ALTERNATIVES])
    evidence = Evidence(share, likelihood, best.tokens, char_shares, plate_chance)
    return Reading(best.plate, confidence, chars, alternatives, evidence)


def _char_shares(tokens: tuple[str, ...], plates: Sequence[tuple[tuple[str, ...], float]]) -> tuple[float, ...]:
    """How likely each token is in its place, by all the plates that have it there.

    Plates of another length are laid on from both ends: what lies between is what they differ in.
    """
    shares = [0.0] * len(tokens)
    for other, share in plates:
        if len(other) == len(tokens):
            agreeing = [one == its for one, its in zip(tokens, other, strict=True)]
        else:
            ahead = _agreeing(tokens, other)
            behind = min(_agreeing(tokens[::-1], other[::-1]), min(len(tokens), len(other)) - ahead)
            agreeing = [at < ahead or at >= len(tokens) - behind for at in range(len(tokens))]
        for at, agrees in enumerate(agreeing):
            shares[at] += share * agrees
    return tuple(shares)


def _agreeing(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the first tokens are equal."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (its, theirs) in pairs if its != theirs), min(len(one), len(other)))


def _kind_chance(kind: PlateKind, priors: Priors | None) -> float:
    if priors is None:
        return FOREIGN_CHANCE if kind in FOREIGN else 1.0
    return max(KIND_CHANCE_LEAST, priors.get(kind, 0.0))
