"""Numbers, bytes and names in few bytes. A `Reader` believes nothing: whatever comes, it answers or raises WireError.

A run of integers is one header byte, a base where it helps, and each value less the base in as many bits as the largest
needs. A list of names is sorted, and each one drops what it shares with the one before.
"""

from collections.abc import Sequence
from typing import Final

from vigie_shared.columns.lanes import are_within, spread
from vigie_shared.errors import WireError

WIDTH_MAX: Final = 64
_HAS_BASE: Final = 0x80
_VARINT_BYTES_MAX: Final = 10
_LONG: Final = 15
_PREFIX: Final = 14
PREFIXES: Final = (
    *("north", "south", "east", "west", "gate", "lane", "camera", "cam", "entrance", "exit", "ring", "crossing"),
    *("parking", "yard", "street", "road", "junction", "bridge", "toll", "dock", "main", "front", "back", "left"),
    *("right", "in", "out", "car", "bus", "roof", "door", "hall"),
)
"""Words that names often begin with. Never change their order: old batches are read by it."""
_WORDS: Final = [word.encode() for word in PREFIXES]
_PREFIX_OF: Final = {word.encode(): place for place, word in enumerate(PREFIXES)}


def zigzag(value: int) -> int:
    """Small numbers of either sign as small numbers."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """The inverse of `zigzag`."""
    return -(value >> 1) - 1 if value & 1 else value >> 1


class Writer:
    """Collects bytes."""

    def __init__(self) -> None:
        self.data = bytearray()

    def varint(self, value: int) -> None:
        """A number from 0 on, seven bits a byte."""
        while value > 0x7F:
            self.data.append(value & 0x7F | 0x80)
            value >>= 7
        self.data.append(value)

    def blob(self, value: bytes) -> None:
        """Bytes, and before them how many."""
        self.varint(len(value))
        self.data += value

    def ints(self, values: Sequence[int]) -> None:
        """As many integers as the reader will ask for, of 64 bits and either sign."""
        if not values:
            return
        low, high = min(values), max(values)
        based = _HAS_BASE | (high - low).bit_length()
        if low >= 0 and _size(high.bit_length(), len(values)) <= _size(based & 0x7F, len(values)) + 1 + (low > 63):
            low, based = 0, high.bit_length()
        self.data.append(based)
        if based & _HAS_BASE:
            self.varint(zigzag(low))
        self._bits([value - low for value in values], based & 0x7F)

    def flags(self, values: Sequence[bool]) -> None:
        """One bit each."""
        self._bits([int(value) for value in values], 1)

    def _bits(self, values: Sequence[int], width: int) -> None:
        packed = 0
        for value in reversed(values):
            packed = packed << width | value
        self.data += packed.to_bytes(_size(width, len(values)), "little")

    def names(self, values: Sequence[str]) -> None:
        """A column of texts of which few are different."""
        table = sorted(set(values))
        self.varint(len(table))
        before = b""
        for name in table:
            raw = name.encode()
            self._name(before, raw)
            before = raw
        if len(table) > 1:
            places = {name: place for place, name in enumerate(table)}
            self.ints([places[value] for value in values])

    def _name(self, before: bytes, raw: bytes) -> None:
        shared = _shared(before, raw)
        word = max((word for word in _PREFIX_OF if raw.startswith(word)), key=len, default=b"")
        if len(word) > shared + 1:
            rest = raw[len(word) :]
            self.data += bytes((_PREFIX << 4 | min(len(rest), _LONG), _PREFIX_OF[word]))
        else:
            rest = raw[shared:]
            self.data.append((_LONG if shared >= _PREFIX else shared) << 4 | min(len(rest), _LONG))
            if shared >= _PREFIX:
                self.varint(shared)
        if len(rest) >= _LONG:
            self.varint(len(rest) - _LONG)
        self.data += rest


def _size(width: int, count: int) -> int:
    return (width * count + 7) // 8


def _shared(before: bytes, raw: bytes) -> int:
    count = 0
    for old, new in zip(before, raw, strict=False):
        if old != new:
            break
        count += 1
    return count


class Reader:
    """Reads what a `Writer` wrote; raises WireError at the first thing that cannot be."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    @property
    def at(self) -> int:
        """How much was read."""
        return self._at

    def back(self, at: int) -> None:
        """Read again from there."""
        self._at = at

    @property
    def is_at_end(self) -> bool:
        """Whether all was read."""
        return self._at == len(self._data)

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        end = self._at + count
        if count < 0 or end > len(self._data):
            raise WireError("it ends too early")
        taken = self._data[self._at : end]
        self._at = end
        return taken

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self._at)

    def byte(self) -> int:
        """The next byte."""
        at = self._at
        if at >= len(self._data):
            raise WireError("it ends too early")
        self._at = at + 1
        return self._data[at]

    def skip(self, mark: int) -> bool:
        """Whether the next byte is `mark`, which is then read."""
        found = self._data[self._at : self._at + 1] == bytes((mark,))
        self._at += found
        return found

    def varint(self, most: int = (1 << 64) - 1) -> int:
        """A number up to `most`."""
        value = shift = 0
        for byte in self._data[self._at : self._at + _VARINT_BYTES_MAX]:
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if value > most:
                    raise WireError(f"{value} is more than {most}")
                self._at += shift // 7
                return value
        raise WireError("it ends too early" if self._at + shift // 7 == len(self._data) else "a number is too long")

    def blob(self, most: int) -> bytes:
        """Bytes with their length, `most` at the most."""
        return self.take(self.varint(most))

    def ints(self, count: int, low: int, high: int) -> list[int]:
        """`count` integers from `low` to `high`."""
        if not count:
            return []
        header = self.byte()
        width = header & 0x7F
        if width > WIDTH_MAX:
            raise WireError(f"a number of {width} bits")
        base = unzigzag(self.varint()) if header & _HAS_BASE else 0
        values = spread(self.take(width * count + 7 >> 3), count, width) if width else [0] * count
        if base:
            values = list(map(base.__add__, values))
        if (base < low or base + (1 << width) - 1 > high) and not (low <= min(values) and max(values) <= high):
            raise WireError(f"a number is not between {low} and {high}")
        return values

    def skim(self, count: int, low: int, high: int) -> bool:
        """Read over `count` integers if they are from `low` to `high`; else stay."""
        data, at = self._data, self._at
        header = data[at] if at < len(data) else WIDTH_MAX + 1
        width = header & 0x7F
        if not count or width > WIDTH_MAX:
            return not count
        self._at = at + 1
        if header & _HAS_BASE:
            base = unzigzag(self.varint())
            low, high = low - base, high - base
        start, most = self._at, (1 << width) - 1
        end = start + (width * count + 7 >> 3)
        if end > len(data):
            raise WireError("it ends too early")
        if low > 0 or high < most:
            low, high = max(low, 0), min(high, most)
            if low > high or not are_within(data[start:end], count, width, low, high):
                self._at = at
                return False
        self._at = end
        return True

    def flags(self, count: int) -> list[bool]:
        """`count` bits."""
        return [*map(bool, spread(self.take(_size(1, count)), count, 1))]

    def names(self, count: int, most_bytes: int) -> list[str]:
        """A column of texts of which few are different."""
        if not count:
            return []
        table = self.table(count, most_bytes)
        if len(table) == 1:
            return table * count
        return [*map(table.__getitem__, self.ints(count, 0, len(table) - 1))]

    def skim_names(self, count: int, most_bytes: int) -> list[str]:
        """Read over a column of texts, one or more: those that may be among them, or none where a place is wrong."""
        table = self.table(count, most_bytes)
        return table if len(table) == 1 or self.skim(count, 0, len(table) - 1) else []

    def table(self, count: int, most_bytes: int) -> list[str]:
        """The different texts of such a column."""
        size = self.varint(count)
        if not size:
            raise WireError("a list of no names")
        raws, raw = [], b""
        for _name in range(size):
            raw = self._name(raw, most_bytes)
            raws.append(raw)
        try:
            return [raw.decode() for raw in raws]
        except UnicodeDecodeError as error:
            raise WireError("a text is not UTF-8") from error

    def _name(self, before: bytes, most_bytes: int) -> bytes:
        counts = self.byte()
        shared, size = counts >> 4, counts & 0xF
        if shared < _PREFIX:
            begin = before[:shared]
        elif shared == _PREFIX:
            begin = _WORDS[self.varint(len(_WORDS) - 1)]
        else:
            begin = before[: self.varint(most_bytes)]
        if size == _LONG:
            size += self.varint(most_bytes)
        if len(begin) + size > most_bytes:
            raise WireError(f"a text of more than {most_bytes} bytes")
        return begin + self.take(size)
