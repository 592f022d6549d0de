"""Plate reads of many batches at once, column by column as their layout says (`vigie_shared.columns.layouts`)."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vigie_hub.sync.lockstep.cursors import Cursors, Flags, Run, Shape, Whole
from vigie_hub.sync.lockstep.tables import tables
from vigie_shared.batches import BATCH_BYTES_MAX, EVENTS_MAX, SCHEMA, SEQ_MAX, Head
from vigie_shared.columns import kinds
from vigie_shared.columns.composed import EDGE, HOLE, Boxes, Cameras, Lists, Optional, Plates
from vigie_shared.columns.events import Group
from vigie_shared.columns.identifiers import MS_MAX, STEP_MS_MAX, Ids
from vigie_shared.columns.kinds import EARLIEST_US, LATEST_US, OTHERWISE, Column
from vigie_shared.columns.layouts import NUMBER_OF, PLATE_READ
from vigie_shared.columns.reads import (
    ALTERNATIVES_MAX,
    DERIVED,
    EDITS_MAX,
    PLACE_MAX,
    SURROGATES,
    TOO_LATE_US,
    Alternatives,
    ReadIds,
)
from vigie_shared.columns.squeezing import PLAIN

KIND: Final = "plate_read"
_EPOCH: Final = slice(1, 12)
_FIRST_MAX: Final = 1 << 52
_STEP_MAX: Final = 1 << 40
"""The first time of a batch and its steps, so that none overflows in microseconds."""
_NUMBER_MAX: Final = 10**9 - 1
"""Longer ones are rare in plates, and might not fit."""
_POWERS: Final = 10 ** np.arange(1, 10)
_HOLES_MAX: Final = 2
_BETWEEN: Final = "\n"
Found = tuple[Head, list[Group]]


def read_together(payloads: Sequence[bytes]) -> list[Found | None]:
    """What `batches.read_columns` says lightly of each batch of plate reads; None of one to be read by itself."""
    fitting = [len(payload) <= BATCH_BYTES_MAX for payload in payloads]
    reads = _Reads([payload if fits else b"" for payload, fits in zip(payloads, fitting, strict=True)])
    return reads.found(payloads)


@lru_cache
def _frames(column: Plates) -> tuple[list[str], Whole, Whole]:
    """Of what is around the numbers of plates: the format, how many numbers go in, and the length without them."""
    known = column.numbered.frames
    assert isinstance(known, kinds.Known)
    holes = [frame.count(HOLE) for frame in known.known]
    assert max(holes) <= _HOLES_MAX
    formats = [frame.replace("%", "%%").replace(HOLE, "%d") for frame in known.known]
    return formats, np.array(holes), np.array([len(frame) - frame.count(HOLE) for frame in known.known])


class _Reads:
    """Reads the columns of all batches that are plain."""

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._batches = Cursors(payloads)
        everywhere = self._batches.ok
        self._expect(SCHEMA, everywhere)
        self._batches.at = self._batches.at + (_EPOCH.stop - _EPOCH.start)
        self._first_seqs = self._batches.varint(everywhere)
        self._batches.drop((self._first_seqs < 1) | (self._first_seqs > SEQ_MAX))
        counts = self._batches.varint(everywhere) + 1
        self._batches.drop(counts > EVENTS_MAX)
        self._shape = Shape.of(np.where(self._batches.ok, counts, 1))
        for mark in (PLAIN, 1, NUMBER_OF[KIND] << 1):  # how the body is squeezed, how many kinds, which, with no extras
            self._expect(mark, everywhere)
        self._ats: Whole
        self._texts: list[str] = []
        self._lengths: Whole
        self._earliest: Whole
        self._latest: Whole
        self._named = np.zeros(len(payloads), np.bool_)
        self._read()

    def found(self, payloads: Sequence[bytes]) -> list[Found | None]:
        """Head and group of each batch that is plain."""
        ats, ends = self._ats.tolist(), np.cumsum(self._shape.counts)
        heads = zip(self._first_seqs.tolist(), self._shape.counts.tolist(), strict=True)
        found: list[Found | None] = [None] * len(payloads)
        for place, (first_seq, count), end in zip(range(len(payloads)), heads, ends.tolist(), strict=True):
            if self._batches.ok[place]:
                columns = {"at": ats[end - count : end], "text": self._texts[end - count : end]}
                head = Head(payloads[place][_EPOCH].hex(), first_seq, count)
                found[place] = head, [Group(KIND, range(count), columns)]
        return found

    def _expect(self, mark: int, there: Flags) -> None:
        self._batches.drop(there & ~self._batches.skip(mark, there))

    def _read(self) -> None:
        batches, counts = self._batches, self._shape.counts
        mask = np.zeros_like(counts)
        for place in range(PLATE_READ.mask_bytes):
            mask |= batches.take(batches.ok) << 8 * place
        for place, field in enumerate(PLATE_READ.fields):
            there = mask >> place & 1 > 0
            if field.is_always_there or there.all():
                _READERS[type(field.column)](self, field.column, counts)
            elif there.any():
                _READERS[type(field.column)](self, field.column, np.where(there, counts, 0))
        batches.drop(batches.at != batches.ends)

    def _runs(self, counts: Whole, low: int | Whole, high: int | Whole) -> tuple[Whole, Shape]:
        """So many integers of each batch, and where they are."""
        run = self._batches.ints(counts, low, high)
        shape = self._shape if counts is self._shape.counts else Shape.of(counts)
        return self._batches.values(run, shape), shape

    def _times(self, _column: Column, counts: Whole) -> None:
        """When the events were: the first, then steps."""
        batches, shape = self._batches, self._shape
        head = batches.varint(counts > 0)
        firsts = head >> 2 ^ -(head >> 1 & 1)
        batches.drop(firsts > _FIRST_MAX)
        steps, _steps = self._runs(counts - 1, -_STEP_MAX, _STEP_MAX)
        moved = np.zeros(len(shape.owner), np.int64)
        moved[shape.place > 0] = steps
        moved = np.cumsum(moved)
        starts = np.flatnonzero(shape.place == 0)
        scale = np.where(head & 1, 1, 1000)
        values = (moved + (firsts - moved[starts])[shape.owner]) * scale[shape.owner]
        batches.drop_owners(shape, (values < 0) | (values > LATEST_US))
        self._ats = values
        self._earliest, self._latest = (reduced.reduceat(values, starts) for reduced in (np.minimum, np.maximum))

    def _ints(self, column: kinds.Ints, counts: Whole) -> None:
        self._batches.ints(counts, column.low, column.high)

    def _numbers(self, column: kinds.Numbers, counts: Whole) -> None:
        self._batches.ints(counts, column.least, column.most)

    def _choices(self, column: kinds.Choices, counts: Whole) -> None:
        self._batches.ints(counts, 0, len(column.words) - 1)

    def _flags(self, _column: Column, counts: Whole) -> None:
        self._batches.at = self._batches.at + (counts + 7 >> 3)

    def _near(self, _column: Column, counts: Whole) -> None:
        """Times near the events'."""
        most = np.minimum(self._earliest - EARLIEST_US, LATEST_US - self._latest) // 1000
        self._batches.ints(counts, -most, most)

    def _boxes(self, _column: Column, counts: Whole) -> None:
        for _side in range(4):
            self._batches.ints(counts, -EDGE, EDGE)

    def _optional(self, column: Optional, counts: Whole) -> None:
        there = counts > 0
        self._batches.drop(there & (self._batches.take(there) == 0))
        _READERS[type(column.inner)](self, column.inner, counts)

    def _lists(self, column: Lists, counts: Whole) -> None:
        sizes, shape = self._runs(counts, 0, column.most)
        _READERS[type(column.inner)](self, column.inner, shape.sums(sizes))

    def _names(self, column: kinds.Names, counts: Whole) -> None:
        sizes, _holes, _most = tables(self._batches, counts > 0, column)
        self._places(sizes, counts)

    def _places(self, sizes: Whole, counts: Whole) -> None:
        """Which name of a table each is."""
        self._batches.drop(sizes > np.maximum(counts, 1))
        self._batches.ints(np.where(sizes > 1, counts, 0), 0, sizes - 1)

    def _known(self, column: kinds.Known, counts: Whole) -> None:
        others = self._batches.skip(OTHERWISE, counts > 0)
        self._batches.ints(np.where(others, 0, counts), 0, len(column.known) - 1)
        if others.any():
            self._names(column.others, np.where(others, counts, 0))

    def _cameras(self, column: Cameras, counts: Whole) -> None:
        sizes, holes, most = tables(self._batches, counts > 0, column)
        self._places(sizes, counts)
        for hole in range(int(holes.max())):
            self._batches.ints(np.where(holes > hole, counts, 0), 0, most)

    def _ids(self, column: Ids, counts: Whole) -> None:
        batches = self._batches
        repeating = batches.skip(OTHERWISE, counts > 0)
        if repeating.any():
            counts = counts - self._repeated(np.where(repeating, counts, 0))
        first_ms, last_ms = self._earliest // 1000, self._latest // 1000
        low, high = (-first_ms, MS_MAX - last_ms) if column.sign > 0 else (last_ms - MS_MAX, first_ms)
        batches.ints(counts, np.maximum(low, -STEP_MS_MAX), np.minimum(high, STEP_MS_MAX))
        batches.at = batches.at + 5 * counts

    def _repeated(self, counts: Whole) -> Whole:
        """Reads over those that came before in their batch; how many they are."""
        batches, shape = self._batches, Shape.of(counts)
        bits = Run(counts, batches.at, np.minimum(counts, 1), np.zeros_like(counts))
        batches.at = batches.at + (counts + 7 >> 3)
        again = batches.values(bits, shape) > 0
        totals = shape.sums(again)
        distances, those = self._runs(totals, 0, EVENTS_MAX)
        batches.drop_owners(those, distances >= shape.place[again])
        return totals

    def _motions(self, column: Ids, counts: Whole) -> None:
        self._named = counts > 0
        self._ids(column, counts)

    def _read_ids(self, _column: Column, counts: Whole) -> None:
        self._expect(DERIVED, counts > 0)
        self._batches.drop(~self._named | (self._latest >= TOO_LATE_US))

    def _plates(self, column: Plates, counts: Whole) -> None:
        formats, numbers, self._lengths = self._numbered(column, counts)
        texts = _BETWEEN.join(formats) % tuple(numbers.tolist())
        self._texts = texts.split(_BETWEEN)

    def _numbered(self, column: Plates, counts: Whole) -> tuple[list[str], Whole, Whole]:
        """Texts with numbers in them: formats, the numbers that go there in order, and how long the texts become."""
        formats, holes_of, lengths_of = _frames(column)
        frames, shape = self._runs(counts, 0, len(formats) - 1)
        holes, lengths = holes_of[frames], lengths_of[frames]
        before = np.cumsum(holes) - holes
        numbers = np.zeros(int(holes.sum()), np.int64)
        for hole in range(_HOLES_MAX):
            those = holes > hole
            values, _those = self._runs(shape.sums(those), 0, _NUMBER_MAX)
            numbers[before[those] + hole] = values
            lengths[those] += np.searchsorted(_POWERS, values, side="right") + 1
        return [formats[frame] for frame in frames.tolist()], numbers, lengths

    def _alternatives(self, column: Alternatives, counts: Whole) -> None:
        """Which characters of the texts differ, or whole other texts."""
        batches = self._batches
        sizes, shape = self._runs(counts, 0, ALTERNATIVES_MAX)
        totals = shape.sums(sizes)
        edits, others = self._runs(totals, 0, EDITS_MAX)
        edited = others.sums(edits)
        places, those = self._runs(edited, 0, PLACE_MAX)
        lengths = self._lengths if counts is self._shape.counts else self._lengths[(counts > 0)[self._shape.owner]]
        batches.drop_owners(those, places >= np.repeat(np.repeat(lengths, sizes), edits))
        batches.ints(edited, 0, SURROGATES.start - 1)
        self._numbered(column.texts, others.sums(edits == 0))
        self._numbers(column.confidences, totals)


_READERS: Final[dict[type[Column], Callable[[_Reads, Any, NDArray[np.int64]], None]]] = {
    kinds.Ats: _Reads._times,
    kinds.Times: _Reads._near,
    kinds.Ints: _Reads._ints,
    kinds.Numbers: _Reads._numbers,
    kinds.Choices: _Reads._choices,
    kinds.Flags: _Reads._flags,
    kinds.Names: _Reads._names,
    kinds.Known: _Reads._known,
    Cameras: _Reads._cameras,
    Ids: _Reads._motions,
    ReadIds: _Reads._read_ids,
    Plates: _Reads._plates,
    Boxes: _Reads._boxes,
    Lists: _Reads._lists,
    Optional: _Reads._optional,
    Alternatives: _Reads._alternatives,
}
