"""A list of entries in columns: sorted by text and id, never changed, some 130 bytes an entry in memory."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from vigie_shared.hotlists.entries import Entry, Terms

ID_BYTES: Final = 11
TERMS_MAX: Final = 65_535
_SPLICED_MAX: Final = 2_000
"""A larger change sorts all anew."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Row n is `texts[n]`, its id and its terms."""

    texts: list[str] = field(default_factory=list)
    ids: bytes = b""
    """`ID_BYTES` a row."""
    terms: tuple[Terms, ...] = ()
    """All that there are, sorted, each once."""
    terms_of: "array[int]" = field(default_factory=lambda: array("H"))

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "Columns":
        """All `entries`, in any order."""
        ordered = sorted(entries)
        terms = tuple(sorted({entry.terms for entry in ordered}))
        number = {one: n for n, one in enumerate(terms)}
        return cls(
            [entry.text for entry in ordered],
            b"".join(bytes.fromhex(entry.entry_id) for entry in ordered),
            terms,
            array("H", (number[entry.terms] for entry in ordered)),
        )

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[Entry]:
        return (self.entry(row) for row in range(len(self.texts)))

    def id_of(self, row: int) -> str:
        """The entry's id."""
        return self.ids[row * ID_BYTES : (row + 1) * ID_BYTES].hex()

    def entry(self, row: int) -> Entry:
        """The whole row."""
        return Entry(self.texts[row], self.id_of(row), self.terms[self.terms_of[row]])

    def rows_of(self, text: str) -> range:
        """The rows of that text."""
        return range(bisect_left(self.texts, text), bisect_right(self.texts, text))

    def row_of(self, entry_id: str) -> int | None:
        """The row of that id; None where there is none."""
        wanted, at = bytes.fromhex(entry_id), -1
        while (at := self.ids.find(wanted, at + 1)) >= 0:
            if at % ID_BYTES == 0:
                return at // ID_BYTES
        return None

    def changed(self, gone: Iterable[str], come: "Columns") -> "Columns":
        """Without the entries of the ids `gone`, and with those of `come`; one of the same id is replaced."""
        out = {*gone, *(come.id_of(row) for row in range(len(come)))}
        if len(out) > _SPLICED_MAX:
            return Columns.of([*(entry for entry in self if entry.entry_id not in out), *come])
        texts, ids = list(self.texts), bytearray(self.ids)
        terms = [*self.terms, *come.terms]
        numbers = array("I", self.terms_of)
        rows = sorted((row for row in map(self.row_of, out) if row is not None), reverse=True)
        for row in rows:
            del texts[row], numbers[row], ids[row * ID_BYTES : (row + 1) * ID_BYTES]
        for row, text in enumerate(come.texts):
            raw = come.ids[row * ID_BYTES : (row + 1) * ID_BYTES]
            at, end = bisect_left(texts, text), bisect_right(texts, text)
            while at < end and ids[at * ID_BYTES : (at + 1) * ID_BYTES] < raw:
                at += 1
            texts.insert(at, text)
            ids[at * ID_BYTES : at * ID_BYTES] = raw
            numbers.insert(at, len(self.terms) + come.terms_of[row])
        return Columns(texts, bytes(ids), *_renumbered(terms, numbers))


def _renumbered(terms: list[Terms], numbers: "array[int]") -> "tuple[tuple[Terms, ...], array[int]]":
    """The terms in use, sorted, each once, and the numbers under which they then go."""
    used = tuple(sorted({terms[number] for number in set(numbers)}))
    place = {one: n for n, one in enumerate(used)}
    new = [place.get(one, 0) for one in terms]
    return used, array("H", map(new.__getitem__, numbers))
