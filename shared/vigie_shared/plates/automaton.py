"""What may follow the beginning of a plate, character by character: a reader's beam walks along it."""

import re
from collections.abc import Iterable
from functools import lru_cache

from vigie_shared.plates.grammar import Shape

_Place = tuple[int, int, int]
"""Which chain, which run of it, and how many characters of that run there were."""


class State:
    """What has been drawn so far, as far as it decides what may follow."""

    __slots__ = ("_automaton", "_next", "_places", "is_plate")

    def __init__(self, automaton: "Automaton", places: frozenset[_Place], *, is_plate: bool) -> None:
        self._automaton, self._places = automaton, places
        self._next: dict[str, State | None] = {}
        self.is_plate = is_plate
        """Whether a plate may end here."""

    def after(self, drawn: str) -> "State | None":
        """The state when `drawn` has followed; None where no plate goes on like that."""
        try:
            return self._next[drawn]
        except KeyError:
            following = self._next[drawn] = self._automaton.follow(self._places, drawn)
            return following


class Automaton:
    """All beginnings of what some chains of runs spell; its states are made when they are first reached."""

    def __init__(self, chains: Iterable[Shape]) -> None:
        self._chains = tuple(chains)
        self._states: dict[frozenset[_Place], State] = {}
        self.start = self._state({(number, 0, 0) for number in range(len(self._chains))})

    def follow(self, places: frozenset[_Place], drawn: str) -> State | None:
        """The state behind `places` when `drawn` has followed."""
        for char in drawn:
            places = self._settled(self._consumed(places, char))
        return self._state(places) if places else None

    def _state(self, places: Iterable[_Place]) -> State:
        settled = self._settled(places)
        if (known := self._states.get(settled)) is None:
            is_plate = any(run == len(self._chains[chain]) for chain, run, _count in settled)
            known = self._states[settled] = State(self, settled, is_plate=is_plate)
        return known

    def _consumed(self, places: Iterable[_Place], char: str) -> Iterable[_Place]:
        for chain, number, count in places:
            runs = self._chains[chain]
            if number < len(runs) and count < runs[number].most and _is_in(char, runs[number].chars):
                yield chain, number, count + 1

    def _settled(self, places: Iterable[_Place]) -> frozenset[_Place]:
        """The places, and those behind runs that may end here."""
        settled: set[_Place] = set()
        for chain, first, drawn in places:
            runs, number, count = self._chains[chain], first, drawn
            settled.add((chain, number, count))
            while number < len(runs) and count >= runs[number].least:
                number, count = number + 1, 0
                settled.add((chain, number, count))
        return frozenset(settled)


@lru_cache(maxsize=8192)
def _is_in(char: str, chars: str) -> bool:
    return re.fullmatch(f"[{chars}]", char) is not None
