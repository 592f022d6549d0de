"""Columns of plate reads that follow from others: ids out of their motions' and other readings out of the text."""

from collections.abc import Sequence
from itertools import chain, compress
from operator import ge
from typing import Any, Final

from vigie_shared.columns.composed import Plates, repeated
from vigie_shared.columns.identifiers import Ids
from vigie_shared.columns.kinds import OTHERWISE, Column, Numbers
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError
from vigie_shared.ids import derived_number, id_of

ALTERNATIVES_MAX: Final = 8
DERIVED: Final = OTHERWISE + 2
TOO_LATE_US: Final = 1000 << 48
EDITS_MAX: Final = 3
_CODE_POINT_MAX: Final = 0x10FFFF
PLACE_MAX: Final = 31
SURROGATES: Final = range(0xD800, 0xE000)
Origins = Sequence[Sequence[Any]]
"""When the reads were, their motions and their texts."""


class ReadIds(Column):
    """Ids of `ids.read_id`, which need no bytes; any others as they are."""

    def __init__(self) -> None:
        self._ids = Ids()

    def write(self, writer: Writer, values: Sequence[str], origins: Origins) -> None:
        ats, motion_ids, texts = origins
        numbers = [motion_id and int(motion_id, 16) for motion_id in motion_ids]
        if [int(value, 16) for value in values] == _derived(ats, numbers, texts):
            writer.data.append(DERIVED)
        else:
            self._ids.write(writer, values, ats)

    def read(self, reader: Reader, count: int, origins: Origins) -> list[str]:
        ats, motion_ids, texts = origins
        numbers = [motion_id and int(motion_id, 16) for motion_id in motion_ids]
        return [*map(id_of, self.numbers(reader, count, (ats, numbers, texts)))]

    def numbers(self, reader: Reader, count: int, origins: Origins) -> list[int]:
        if not reader.skip(DERIVED):
            return self._ids.numbers(reader, count, origins[0])
        found = _derived(*origins)
        if found is None:
            raise WireError("an id of a motion that is not named")
        return found

    def check(self, reader: Reader, count: int, origins: tuple[Sequence[int], bool, Sequence[str]]) -> bool:
        """As `Column.check`, told whether all motions are named."""
        ats, are_named, _texts = origins
        if not reader.skip(DERIVED):
            return self._ids.check(reader, count, ats)
        if not (are_named and _can_be_derived(ats)):
            raise WireError("an id of a motion that is not named")
        return True


def _derived(ats: Sequence[int], motions: Sequence[int | None], texts: Sequence[str]) -> list[int] | None:
    """The ids that follow from time, motion and text; None where one cannot."""
    there = [motion for motion in motions if motion is not None]
    if len(there) < len(motions) or not _can_be_derived(ats):
        return None
    return [*map(derived_number, [at // 1000 for at in ats], there, texts)]


def _can_be_derived(ats: Sequence[int]) -> bool:
    return min(ats) >= 0 and max(ats) < TOO_LATE_US


class Alternatives(Column):
    """Other readings: which characters differ, where few do; whole where more do."""

    def __init__(self) -> None:
        self.texts = Plates(0, 32)
        self.confidences = Numbers(0.0, 1.0)

    def write(self, writer: Writer, values: Sequence[Sequence[dict[str, Any]]], texts: Sequence[str]) -> None:
        sizes = [len(value) for value in values]
        writer.ints(sizes)
        flat = list(chain.from_iterable(values))
        if not flat:
            return
        edits = [_edits(text, one["text"]) for text, one in zip(repeated(texts, sizes), flat, strict=True)]
        writer.ints([len(edit) for edit in edits])
        writer.ints([place for edit in edits for place, _char in edit])
        writer.ints([char for edit in edits for _place, char in edit])
        whole = [one["text"] for one, edit in zip(flat, edits, strict=True) if not edit]
        if whole:
            self.texts.write(writer, whole, ())
        self.confidences.write(writer, [one["confidence"] for one in flat], ())

    def read(self, reader: Reader, count: int, texts: Sequence[str]) -> list[tuple[dict[str, Any], ...]]:
        sizes = reader.ints(count, 0, ALTERNATIVES_MAX)
        total = sum(sizes)
        if not total:
            return [()] * count
        lengths = reader.ints(total, 0, EDITS_MAX)
        places = iter(reader.ints(sum(lengths), 0, PLACE_MAX))
        chars = iter(reader.ints(sum(lengths), 0, _CODE_POINT_MAX))
        missing = lengths.count(0)
        whole = iter(self.texts.read(reader, missing, ()) if missing else ())
        found = []
        for text, length in zip(repeated(texts, sizes), lengths, strict=True):
            edits = [(next(places), next(chars)) for _each in range(length)]
            found.append(_edited(text, edits) if edits else next(whole))
        confidences = self.confidences.read(reader, total, ())
        flat = iter([{"text": one, "confidence": sure} for one, sure in zip(found, confidences, strict=True)])
        return [tuple(next(flat) for _each in range(size)) for size in sizes]

    def skim(self, reader: Reader, count: int, texts: Sequence[str]) -> bool:
        sizes = reader.ints(count, 0, ALTERNATIVES_MAX)
        total = sum(sizes)
        if not total:
            return True
        lengths = reader.ints(total, 0, EDITS_MAX)
        edits, shortest = sum(lengths), min(map(len, compress(texts, sizes)))
        if not reader.skim(edits, 0, shortest - 1):
            ends = repeated([len(text) for text in repeated(texts, sizes)], lengths)
            if any(map(ge, reader.ints(edits, 0, PLACE_MAX), ends)):
                return False
        if not reader.skim(edits, 0, SURROGATES.start - 1):
            return False
        missing = lengths.count(0)
        if missing and not self.texts.skim(reader, missing, ()):
            return False
        return self.confidences.skim(reader, total, ())


def _edits(text: str, other: str) -> list[tuple[int, int]]:
    """Where `other` differs from `text` and by what; nothing where it cannot be said in few."""
    if len(text) != len(other):
        return []
    edits = [(place, ord(new)) for place, (old, new) in enumerate(zip(text, other, strict=True)) if old != new]
    return edits if len(edits) <= EDITS_MAX else []


def _edited(text: str, edits: Sequence[tuple[int, int]]) -> str:
    chars = list(text)
    for place, char in edits:
        if place >= len(chars) or char in SURROGATES:
            raise WireError("a character that cannot be")
        chars[place] = chr(char)
    return "".join(chars)
