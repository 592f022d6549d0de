"""The column of identifiers, most of which are of the time of their event."""

import struct
from collections.abc import Sequence
from itertools import compress
from operator import ge, not_
from typing import Any, Final

from vigie_shared.columns.kinds import OTHERWISE, SOME_MISSING, Column, checked
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError
from vigie_shared.ids import id_of

MS_MAX: Final = (1 << 48) - 1
STEP_MS_MAX: Final = 1 << 50


class Ids(Column):
    """Identifiers of `ids.unique_id`: milliseconds as steps from the event's time, and the chance as it is.

    An identifier that came before is the distance to where it did; where `optional`, some may be None.
    """

    def __init__(self, sign: int = 1, optional: bool = False) -> None:
        self.sign = sign
        self._optional = optional

    def write(self, writer: Writer, values: Sequence[str | None], ats: Sequence[int]) -> None:
        if None in values:
            writer.data.append(SOME_MISSING)
            writer.flags([value is not None for value in values])
        self._write_there(writer, [(value, at) for value, at in zip(values, ats, strict=True) if value is not None])

    def _write_there(self, writer: Writer, values: Sequence[tuple[str, int]]) -> None:
        last: dict[str, int] = {}
        again, distances, steps, chances = [], [], [], bytearray()
        for place, (value, at) in enumerate(values):
            again.append(value in last)
            if value in last:
                distances.append(place - last[value] - 1)
            else:
                steps.append((int(value[:12], 16) - at // 1000) * self.sign)
                chances += bytes.fromhex(value[12:])
            last[value] = place
        if any(again):
            writer.data.append(OTHERWISE)
            writer.flags(again)
            writer.ints(distances)
        writer.ints(steps)
        writer.data += chances

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str | None]:
        return [None if number is None else id_of(number) for number in self.numbers(reader, count, ats)]

    def numbers(self, reader: Reader, count: int, ats: Sequence[int]) -> list[Any]:
        there = self._there(reader, count)
        if there is None:
            return self._read_there(reader, ats)
        found = iter(self._read_there(reader, [*compress(ats, there)]))
        return [next(found) if is_there else None for is_there in there]

    def _there(self, reader: Reader, count: int) -> list[bool] | None:
        """Which are not None; None where all are there."""
        if not reader.skip(SOME_MISSING):
            return None
        if not self._optional:
            raise WireError("an id is missing")
        return reader.flags(count)

    def _read_there(self, reader: Reader, ats: Sequence[int]) -> list[int]:
        if not ats or not reader.skip(OTHERWISE):
            return self._new(reader, ats)
        again = reader.flags(len(ats))
        distances = iter(reader.ints(sum(again), 0, len(ats)))
        new = iter(self._new(reader, [*compress(ats, map(not_, again))]))
        values: list[int] = []
        for place, old in enumerate(again):
            if not old:
                values.append(next(new))
                continue
            first = place - 1 - next(distances)
            if first < 0:
                raise WireError("an id is said to have come before")
            values.append(values[first])
        return values

    def _new(self, reader: Reader, ats: Sequence[int]) -> list[int]:
        sign = self.sign
        steps = reader.ints(len(ats), -STEP_MS_MAX, STEP_MS_MAX)
        if any(steps):
            stamps = [at // 1000 + sign * step for at, step in zip(ats, steps, strict=True)]
        else:
            stamps = [at // 1000 for at in ats]
        checked(stamps, 0, MS_MAX, "the time of an id")
        chances = struct.iter_unpack(">BI", reader.take(5 * len(ats)))
        return [stamp << 40 | high << 32 | low for stamp, (high, low) in zip(stamps, chances, strict=True)]

    def check(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        there = self._there(reader, count)
        ats = ats if there is None else [*compress(ats, there)]
        if ats:
            at = reader.at
            if not self._skim_there(reader, len(ats), min(ats) // 1000, max(ats) // 1000):
                reader.back(at)
                self._read_there(reader, ats)
        return there is None or all(there)

    def _skim_there(self, reader: Reader, count: int, first_ms: int, last_ms: int) -> bool:
        if reader.skip(OTHERWISE):
            again = reader.flags(count)
            distances = reader.ints(sum(again), 0, count)
            if any(map(ge, distances, compress(range(count), again))):
                return False
            count -= len(distances)
        low, high = (-first_ms, MS_MAX - last_ms) if self.sign > 0 else (last_ms - MS_MAX, first_ms)
        if not reader.skim(count, max(low, -STEP_MS_MAX), min(high, STEP_MS_MAX)):
            return False
        reader.take(5 * count)
        return True
