"""Which entries a read hits, and by which rule. Nothing is widened in silence: what is not exact names its rule.

Look-alikes are found by what survives all confusions: two texts that some rule takes for each other blur to one. Who
blurs alike is then asked rule by rule, so that the rules stand in `vigie_shared.plates.confusions` alone.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from datetime import datetime
from typing import Final, NamedTuple

from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import EXACT, LOOK_ALIKES, UNCERTAIN
from vigie_shared.plates import ALL_KINDS, FOREIGN, Plate, parse
from vigie_shared.plates.confusions import CONFUSIONS

_ALIKE: Final = str.maketrans({"O": "0", "D": "0", "B": "8", "5": "6", "3": "9", "و": "ب", "د": "ب"})
_LOST: Final = str.maketrans("", "", "1Iأ|")
"""What a bar is read as, or read from; and the marks between fields."""


class Match(NamedTuple):
    """One entry that a read hits."""

    entry_id: str
    rule: str


def blurred(text: str) -> str:
    """What every confusion leaves of a canonical text; its country is left out."""
    registration, _mark, country = text.partition("||")
    return (registration if country.isalpha() else text).translate(_LOST).translate(_ALIKE)


class Index:
    """Finds the entries of one list that a read hits: some microseconds a read, whatever the list's length."""

    def __init__(self, entries: Columns) -> None:
        self._entries = entries
        alike = [bool({*terms.rules} & {*LOOK_ALIKES}) for terms in entries.terms]
        rows = [row for row, number in enumerate(entries.terms_of) if alike[number]] if any(alike) else []
        found = sorted((hash(blurred(entries.texts[row])), row) for row in rows)
        self._hashes = array("q", (one for one, _row in found))
        self._rows = array("I", (row for _one, row in found))

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, text: str, *, uncertain: bool, at: datetime) -> list[Match]:
        """Entries whose terms hold at the time of the read; each by one rule. An uncertain read is never exact, and
        never a look-alike: an entry must ask for it by name.
        """
        matches = []
        for row in self._entries.rows_of(text):
            terms = self._entries.terms[self._entries.terms_of[row]]
            if terms.hold_at(at) and (not uncertain or UNCERTAIN in terms.rules):
                matches.append(Match(self._entries.id_of(row), UNCERTAIN if uncertain else EXACT))
        if not uncertain and self._rows:
            matches += self._look_alikes(text, at)
        return matches

    def _look_alikes(self, text: str, at: datetime) -> list[Match]:
        rows = {*self._rows_like(text), *self._rows_like(text[1:])}  # without a letter that stands on the blue band
        if not rows or (read := parse(text, ALL_KINDS)) is None:
            return []
        matches = []
        for row in sorted(rows):
            terms = self._entries.terms[self._entries.terms_of[row]]
            if not terms.hold_at(at) or self._entries.texts[row] == text:
                continue
            if rule := _first_rule(read, self._entries.texts[row], terms.rules):
                matches.append(Match(self._entries.id_of(row), rule))
        return matches

    def _rows_like(self, text: str) -> Iterable[int]:
        one = hash(blurred(text))
        return self._rows[bisect_left(self._hashes, one) : bisect_right(self._hashes, one)]


def _first_rule(read: Plate, text: str, rules: tuple[str, ...]) -> str | None:
    wanted = parse(text, ALL_KINDS if read.kind not in FOREIGN else FOREIGN)
    if wanted is None:
        return None
    return next((one.name for one in CONFUSIONS if one.name in rules and one.explains(read, wanted)), None)
