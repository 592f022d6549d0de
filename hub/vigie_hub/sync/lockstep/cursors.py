"""Many packed batches, read in step: a cursor in each, and each operation of numpy moves all of them.

It is strict, and may be: a batch in which something is not plain at a glance is dropped, and read by itself with
`vigie_shared.columns`, which knows for sure. Nothing that a dropped batch holds is used, but its numbers stay small.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Whole = NDArray[np.int64]
Flags = NDArray[np.bool_]
_WIDTH_MAX: Final = 57
"""Of a value that one look at eight bytes finds, wherever it begins in the first."""
_VARINT_BYTES_MAX: Final = 9
_BASE_MAX: Final = 1 << 58
_WORD: Final = 8
_HAS_BASE: Final = 0x80


@dataclass(slots=True, frozen=True)
class Shape:
    """So many values of each batch, one batch after another."""

    counts: Whole
    owner: Whole
    """The batch of each value."""
    place: Whole
    """Its place in its batch."""

    @classmethod
    def of(cls, counts: Whole) -> "Shape":
        """With `counts` values."""
        owner = np.repeat(np.arange(len(counts)), counts)
        before = np.cumsum(counts) - counts
        return cls(counts, owner, np.arange(len(owner)) - before[owner])

    def sums(self, values: Whole | Flags) -> Whole:
        """The sum of each batch's values; exact below 2 ** 53."""
        return np.bincount(self.owner, weights=values, minlength=len(self.counts)).astype(np.int64)


@dataclass(slots=True, frozen=True)
class Run:
    """Where a run of integers lies in each batch."""

    counts: Whole
    start: Whole
    width: Whole
    base: Whole


class Cursors:
    """Reads as `vigie_shared.columns.packing.Reader` does, in every batch that is `ok`."""

    def __init__(self, batches: Sequence[bytes]) -> None:
        self.data: Final = b"".join(batches) + bytes(_WORD)
        sizes = np.fromiter(map(len, batches), np.int64, len(batches))
        self.ends: Final = np.cumsum(sizes)
        self.at: Whole = self.ends - sizes
        self.ok: Flags = np.ones(len(batches), np.bool_)
        self._bytes = np.frombuffer(self.data, np.uint8)
        self._last = len(self.data) - _WORD
        self._words: NDArray[np.uint64] = np.ndarray((self._last + 1,), np.dtype("<u8"), self.data, strides=(1,))
        """The eight bytes from each byte on."""

    def drop(self, bad: Flags) -> None:
        """These are not plain."""
        self.ok &= ~bad

    def drop_owners(self, shape: Shape, bad: Flags) -> None:
        """Those with a bad value are not plain."""
        self.ok[shape.owner[bad]] = False

    def peek(self) -> Whole:
        """The next byte of each, which stays unread."""
        return self._bytes[np.minimum(self.at, self._last)].astype(np.int64)

    def take(self, there: Flags) -> Whole:
        """The next byte of those."""
        found = self.peek()
        self.at = self.at + there
        return found

    def skip(self, mark: int, there: Flags) -> Flags:
        """Which of those have `mark` as their next byte, which is then read."""
        found: Flags = there & (self.peek() == mark)
        self.at = self.at + found
        return found

    def varint(self, there: Flags) -> Whole:
        """A number of each of those."""
        value = np.zeros(len(there), np.int64)
        going = there
        for shift in range(0, 7 * _VARINT_BYTES_MAX, 7):
            byte = self.take(going)
            value |= np.where(going, byte & 0x7F, 0) << shift
            going = going & (byte > 0x7F)
            if not going.any():
                break
        self.drop(going)
        return value

    def ints(self, counts: Whole, low: int | Whole, high: int | Whole) -> Run:
        """So many integers of each, all of which are from `low` to `high`."""
        there = counts > 0
        header = self.take(there)
        width = np.where(there, header & ~_HAS_BASE, 0)
        has_base = there & (header >= _HAS_BASE)
        base = self.varint(has_base)
        base = base >> 1 ^ -(base & 1)
        bad = (width > _WIDTH_MAX) | (np.abs(base) > _BASE_MAX)
        self.drop(bad)
        width[bad] = base[bad] = 0
        run = Run(counts, self.at, width, base)
        self.at = self.at + (width * counts + 7 >> 3)
        self._bound(run, low, high)
        return run

    def _bound(self, run: Run, low: int | Whole, high: int | Whole) -> None:
        doubtful = self.ok & (run.counts > 0) & ((run.base < low) | (run.base + (1 << run.width) - 1 > high))
        if doubtful.any():
            shape = Shape.of(np.where(doubtful, run.counts, 0))
            values = self.values(run, shape)
            lows, highs = (np.broadcast_to(bound, doubtful.shape)[shape.owner] for bound in (low, high))
            self.drop_owners(shape, (values < lows) | (values > highs))

    def values(self, run: Run, shape: Shape) -> Whole:
        """The integers of `run`, as many as `shape` says; 0 in batches that are dropped."""
        owner = shape.owner
        bits = (run.start[owner] << 3) + run.width[owner] * shape.place
        words = self._words[np.minimum(bits >> 3, self._last)] >> (bits & 7).astype(np.uint64)
        masks = (np.uint64(1) << run.width.astype(np.uint64)) - np.uint64(1)
        found = (words & masks[owner]).astype(np.int64) + run.base[owner]
        return found if self.ok.all() else np.where(self.ok[owner], found, 0)
