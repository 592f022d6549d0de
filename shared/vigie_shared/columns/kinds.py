"""Kinds of columns: how the values of one field of all events of a batch are written and read.

`ats` are the events' times in microseconds since 1970, for columns that lie near them.
"""

import re
import struct
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from math import ceil, floor
from typing import Any, Final

from vigie_shared.columns.packing import WIDTH_MAX, Reader, Writer, unzigzag, zigzag
from vigie_shared.errors import WireError

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)
EARLIEST_US: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
LATEST_US: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
_I64: Final = 1 << 62
OTHERWISE: Final = WIDTH_MAX + 1
SOME_MISSING: Final = WIDTH_MAX + 2
"""No run of integers begins so: what follows is written in a column's other form."""
_SPAN_US: Final = LATEST_US - EARLIEST_US


class Column:
    """One field of all events, told the values of the fields beside it: mostly the times."""

    def write(self, writer: Writer, values: Sequence[Any], beside: Sequence[Any], /) -> None:
        """Append the column."""
        raise NotImplementedError

    def read(self, reader: Reader, count: int, beside: Sequence[Any], /) -> Sequence[Any]:
        """The column again; raises WireError where a value cannot be."""
        raise NotImplementedError

    def numbers(self, reader: Reader, count: int, beside: Sequence[Any], /) -> Sequence[Any]:
        """As `read`, but identifiers as numbers."""
        return self.read(reader, count, beside)

    def check(self, reader: Reader, count: int, beside: Any, /) -> bool:
        """Read over the column; raises WireError where `read` would. Whether no value is None."""
        at = reader.at
        if self.skim(reader, count, beside):
            return True
        reader.back(at)
        return None not in self.read(reader, count, beside)

    def skim(self, reader: Reader, count: int, beside: Any, /) -> bool:
        """Read over the column where it is plain at a glance that `read` takes it, and no value is None; False, and
        stop anywhere, where it is not.
        """
        return False


def to_us(at: datetime) -> int:
    """Microseconds since 1970."""
    return (at - EPOCH) // MICROSECOND


def from_us(us: int) -> datetime:
    """The inverse of `to_us`."""
    return EPOCH + timedelta(microseconds=us)


def checked(values: list[int], low: int, high: int, what: str) -> list[int]:
    """`values`, all of which are from `low` to `high`; raises WireError where one is not."""
    if values and not (low <= min(values) and max(values) <= high):
        raise WireError(f"{what} out of range")
    return values


class Ats(Column):
    """When each event was: the first, then steps; milliseconds where all are whole."""

    def write(self, writer: Writer, values: Sequence[int], ats: Sequence[int]) -> None:
        unit = _unit(values)
        scaled = [value // unit for value in values]
        writer.varint(zigzag(scaled[0]) << 1 | (unit == 1))
        writer.ints([after - before for before, after in pairwise(scaled)])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[int]:
        head = reader.varint((1 << 70) - 1)
        unit = 1 if head & 1 else 1000
        steps = reader.ints(count - 1, -_I64, _I64)
        values = list(accumulate(steps, initial=unzigzag(head >> 1)))
        if unit != 1:
            values = list(map(unit.__mul__, values))
        return checked(values, EARLIEST_US, LATEST_US, "a time")


def _unit(values: Sequence[int]) -> int:
    return 1 if any(value % 1000 for value in values) else 1000


class Times(Column):
    """Other times, as steps from the event's; `sign` is -1 where they lie before it."""

    def __init__(self, sign: int) -> None:
        self._sign = sign

    def write(self, writer: Writer, values: Sequence[int], ats: Sequence[int]) -> None:
        steps = [(value - at) * self._sign for value, at in zip(values, ats, strict=True)]
        unit = _unit(steps)
        if unit == 1:
            writer.data.append(OTHERWISE)
        writer.ints([step // unit for step in steps])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[int]:
        unit = 1 if reader.skip(OTHERWISE) else 1000
        steps = reader.ints(count, -_SPAN_US, _SPAN_US)
        unit *= self._sign
        values = [at + step * unit for at, step in zip(ats, steps, strict=True)]
        return checked(values, EARLIEST_US, LATEST_US, "a time")

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        most = min(min(ats) - EARLIEST_US, LATEST_US - max(ats)) // 1000
        return most >= 0 and reader.skim(count, -most, most)


class Ints(Column):
    """Whole numbers from `low` to `high`."""

    def __init__(self, low: int, high: int) -> None:
        self.low = low
        self.high = high

    def write(self, writer: Writer, values: Sequence[int], ats: Sequence[int]) -> None:
        writer.ints(values)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[int]:
        return reader.ints(count, self.low, self.high)

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return reader.skim(count, self.low, self.high)


class Flags(Column):
    """Yes or no."""

    def write(self, writer: Writer, values: Sequence[bool], ats: Sequence[int]) -> None:
        writer.flags(values)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[bool]:
        return reader.flags(count)

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        reader.take(count + 7 >> 3)
        return True


class Numbers(Column):
    """Real numbers: thousandths where all are, else the eight bytes of each. Values near `top` are counted from it."""

    def __init__(self, low: float, high: float, top: float = 0.0) -> None:
        self._low = low
        self._high = high
        self._top = round(top * 1000)
        least, most = low * 1000, high * 1000
        if top:
            least, most = self._top - most, self._top - least
        self.least, self.most = ceil(max(least, -_I64)), floor(min(most, _I64))

    def write(self, writer: Writer, values: Sequence[float], ats: Sequence[int]) -> None:
        whole = [round(value * 1000) for value in values] if max(map(abs, values)) < _I64 / 1000 else []
        if whole and all(_same(number / 1000, value) for number, value in zip(whole, values, strict=True)):
            writer.ints([self._top - number if self._top else number for number in whole])
            return
        writer.data.append(OTHERWISE)
        writer.data += struct.pack(f"<{len(values)}d", *values)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[float]:
        if reader.skip(OTHERWISE):
            values = list(struct.unpack(f"<{count}d", reader.take(8 * count)))
            if any(value - value != 0 for value in values):  # not finite
                raise WireError("a number is not finite")
        else:
            whole = reader.ints(count, -_I64, _I64)
            values = [(self._top - number) / 1000 for number in whole] if self._top else [n / 1000 for n in whole]
        if not (self._low <= min(values) and max(values) <= self._high):
            raise WireError(f"a number is not between {self._low} and {self._high}")
        return values

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return reader.skim(count, self.least, self.most)


def _same(one: float, other: float) -> bool:
    """Equal, and of the same sign where they are zero."""
    return one == other and str(one)[0] == str(other)[0]


class Choices(Column):
    """One of a few words, each known by its place."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        writer.ints([self.words.index(value) for value in values])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        return [self.words[place] for place in reader.ints(count, 0, len(self.words) - 1)]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return reader.skim(count, 0, len(self.words) - 1)


class Names(Column):
    """Texts of which few are different."""

    def __init__(self, most: int, pattern: str = "", least: int = 0) -> None:
        self.most_bytes = 4 * most
        self._most = most
        self._least = least
        self._pattern = re.compile(pattern) if pattern else None

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        writer.names(values)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        values = reader.names(count, self.most_bytes)
        if not all(map(self.can_be, set(values))):
            raise WireError("a text that cannot be")
        return values

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return bool(self.among(reader, count))

    def among(self, reader: Reader, count: int) -> Collection[str]:
        """Read over the column: the texts that may be in it, or none where that is not plain at a glance."""
        table = reader.skim_names(count, self.most_bytes)
        return table if all(map(self.can_be, table)) else ()

    def can_be(self, value: str) -> bool:
        """Whether it may be in such a column."""
        return self._least <= len(value) <= self._most and not (self._pattern and not self._pattern.fullmatch(value))


class Known(Column):
    """Texts, most of which are on a list that both sides have; the commonest first."""

    def __init__(self, known: Sequence[str], others: "Names") -> None:
        self.known = known
        self._places = {text: place for place, text in enumerate(known)}
        self.others = others

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        if all(value in self._places for value in values):
            writer.ints([self._places[value] for value in values])
        else:
            writer.data.append(OTHERWISE)
            self.others.write(writer, values, ats)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        if reader.skip(OTHERWISE):
            return self.others.read(reader, count, ats)
        return [*map(self.known.__getitem__, reader.ints(count, 0, len(self.known) - 1))]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return reader.skim(count, 0, len(self.known) - 1) or (
            reader.skip(OTHERWISE) and self.others.skim(reader, count, ats)
        )

    def among(self, reader: Reader, count: int) -> Collection[str]:
        """As `Names.among`."""
        if reader.skip(OTHERWISE):
            return self.others.among(reader, count)
        return set(map(self.known.__getitem__, reader.ints(count, 0, len(self.known) - 1)))


class Digests(Column):
    """Hexadecimal digits that nothing can foretell, `size` bytes of them."""

    def __init__(self, size: int) -> None:
        self._size = size

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        writer.data += bytes.fromhex("".join(values))

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        digits, step = reader.take(self._size * count).hex(), 2 * self._size
        return [digits[start : start + step] for start in range(0, step * count, step)]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        reader.take(self._size * count)
        return True


class Blobs(Column):
    """Bytes as they are, `least` to `most` of them."""

    def __init__(self, least: int, most: int) -> None:
        self._least = least
        self._most = most

    def write(self, writer: Writer, values: Sequence[bytes], ats: Sequence[int]) -> None:
        writer.ints([len(value) for value in values])
        for value in values:
            writer.data += value

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[bytes]:
        return [reader.take(size) for size in reader.ints(count, self._least, self._most)]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        reader.take(sum(reader.ints(count, self._least, self._most)))
        return True
