"""Columns made of columns: what may be absent, plates and their likes, boxes, lists and whole events."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain, compress, repeat
from typing import Any, Final

from vigie_shared.columns.kinds import OTHERWISE, Column, Known, Names, Numbers
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError

_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NUMBER: Final = 10**18 - 1
_EDGE: Final = 2047
_HOLE: Final = "\0"
"""Where a number was; a text that holds it already is written whole."""
_FRAMES: Final = (
    *(f"{_HOLE}|{letter}|{_HOLE}" for letter in "أبدهوطجحيكلمنسعفصقرشتثخذضظغ"),
    *(f"{_HOLE}|WW|", f"{_HOLE}|W{_HOLE}|", f"{_HOLE}|CD|{_HOLE}", f"{_HOLE}||{_HOLE}", f"{_HOLE}|M|", f"{_HOLE}|ش|"),
)
"""What is around the numbers of common plates, the commonest first. Never change it: old batches are read by it."""


_CAMERAS_KEPT: Final = 4096
_FORMS_KEPT: Final = 1024
_NUMBERED_KEPT: Final = 16_384


class Optional(Column):
    """A column in which some are None."""

    def __init__(self, inner: Column) -> None:
        self._inner = inner

    def write(self, writer: Writer, values: Sequence[Any], ats: Sequence[int]) -> None:
        there = [value is not None for value in values]
        writer.data.append(all(there))
        if not all(there):
            writer.flags(there)
        if any(there):
            some = [(value, at) for value, at in zip(values, ats, strict=True) if value is not None]
            self._inner.write(writer, [value for value, _at in some], [at for _value, at in some])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[Any]:
        if reader.byte():
            return [*self._inner.read(reader, count, ats)]
        there = reader.flags(count)
        if not any(there):
            return [None] * count
        some = [*compress(ats, there)]
        found = iter(self._inner.read(reader, len(some), some))
        return [next(found) if is_there else None for is_there in there]


class Numbered(Column):
    """Texts with numbers in them: what is around the numbers, of which few are different, and the numbers."""

    def __init__(self, least: int, most: int, frames: Sequence[str] = (), pattern: str = ".*") -> None:
        self._least = least
        self._most = most
        self._frames = Known(frames, Names(most + 1)) if frames else Names(most + 1)
        self._pattern = re.compile(pattern, re.DOTALL)

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        if any(_HOLE in value for value in values):
            raise ValueError("a text holds a zero character")
        self._frames.write(writer, [_DIGITS.sub(_HOLE, value) for value in values], ats)
        numbers = [[int(run) for run in _DIGITS.findall(value)] for value in values]
        for place in range(max(map(len, numbers))):
            writer.ints([found[place] for found in numbers if len(found) > place])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        values = self._filled(reader, self._frames.read(reader, count, ats))
        sizes = set(map(len, values))
        if not (self._least <= min(sizes) and max(sizes) <= self._most):
            raise WireError(f"a text is not of {self._least} to {self._most} characters")
        return values

    @staticmethod
    def _filled(reader: Reader, frames: list[str]) -> list[str]:
        forms = {frame: _form(frame) for frame in set(frames)}
        counts = {holes for holes, _form in forms.values()}
        if counts == {2}:  # as nearly all plates are
            first, second = reader.ints(len(frames), 0, _NUMBER), reader.ints(len(frames), 0, _NUMBER)
            texts = {frame: form for frame, (_holes, form) in forms.items()}
            return [texts[frame] % pair for frame, pair in zip(frames, zip(first, second, strict=True), strict=True)]
        if counts == {1}:  # as numbered cameras are
            return [*map(_numbered, frames, reader.ints(len(frames), 0, _NUMBER))]
        holes = [forms[frame][0] for frame in frames]
        columns = [iter(reader.ints(sum(count > place for count in holes), 0, _NUMBER)) for place in range(max(holes))]
        return [forms[frame][1] % tuple(map(next, columns[:count])) for frame, count in zip(frames, holes, strict=True)]


@lru_cache(_FORMS_KEPT)
def _form(frame: str) -> tuple[int, str]:
    """How many numbers go into a frame, and the format that puts them there."""
    return frame.count(_HOLE), frame.replace("%", "%%").replace(_HOLE, "%d")


@lru_cache(_NUMBERED_KEPT)
def _numbered(frame: str, number: int) -> str:
    """A frame with its one number."""
    return frame.replace(_HOLE, str(number))


class Plates(Column):
    """Canonical texts of plates; any other text will do too."""

    def __init__(self, least: int, most: int) -> None:
        self._numbered = Numbered(least, most, _FRAMES)
        self._whole = Names(most, least=least)

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        whole = any(_HOLE in value for value in values)
        if whole:
            writer.data.append(OTHERWISE + 1)
        (self._whole if whole else self._numbered).write(writer, values, ats)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        whole = reader.skip(OTHERWISE + 1)
        return (self._whole if whole else self._numbered).read(reader, count, ats)


class Cameras(Column):
    """Names that an installer chose, often numbered."""

    def __init__(self, most: int, pattern: str) -> None:
        self._numbered = Numbered(1, most)
        self._can_be = lru_cache(_CAMERAS_KEPT)(re.compile(pattern).fullmatch)

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        self._numbered.write(writer, values, ats)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        values = self._numbered.read(reader, count, ats)
        if not all(map(self._can_be, set(values))):
            raise WireError("a name that cannot be")
        return values


class Boxes(Column):
    """Left, top, right, bottom of 0 to 1: where it begins and how large it is, in thousandths where all are."""

    def __init__(self) -> None:
        self._numbers = Numbers(0.0, 1.0)

    def write(self, writer: Writer, values: Sequence[tuple[float, float, float, float]], ats: Sequence[int]) -> None:
        flat = list(chain.from_iterable(values))
        whole = [round(value * 1000) for value in flat]
        if not all(number / 1000 == value for number, value in zip(whole, flat, strict=True)):
            writer.data.append(OTHERWISE)
            self._numbers.write(writer, flat, ats)
            return
        left, top, right, bottom = (whole[place::4] for place in range(4))
        width = [end - start for start, end in zip(left, right, strict=True)]
        height = [end - start for start, end in zip(top, bottom, strict=True)]
        for column in (left, top, width, height):
            writer.ints(column)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[tuple[float, ...]]:
        if reader.skip(OTHERWISE):
            flat = self._numbers.read(reader, 4 * count, ats)
            return [tuple(flat[start : start + 4]) for start in range(0, 4 * count, 4)]
        left, top, width, height = (reader.ints(count, -_EDGE, _EDGE) for _side in range(4))
        return [
            (_share(x), _share(y), _share(x + w), _share(y + h))
            for x, y, w, h in zip(left, top, width, height, strict=True)
        ]

    def check(self, reader: Reader, count: int, ats: Sequence[int]) -> None:
        if not reader.skim(count, -_EDGE, _EDGE):
            self.read(reader, count, ats)
            return
        for _side in range(3):
            if not reader.skim(count, -_EDGE, _EDGE):
                reader.ints(count, -_EDGE, _EDGE)


def _share(thousandths: int) -> float:
    """What lies outside of the picture, as only a stranger says, ends at its edge."""
    return min(max(thousandths, 0), 1000) / 1000


class Lists(Column):
    """Up to `most` values each: how many, then all in one column."""

    def __init__(self, inner: Column, most: int) -> None:
        self._inner = inner
        self._most = most

    def write(self, writer: Writer, values: Sequence[Sequence[Any]], ats: Sequence[int]) -> None:
        sizes = [len(value) for value in values]
        writer.ints(sizes)
        flat = list(chain.from_iterable(values))
        if flat:
            self._inner.write(writer, flat, repeated(ats, sizes))

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[tuple[Any, ...]]:
        sizes = reader.ints(count, 0, self._most)
        total = sum(sizes)
        flat = iter(self._inner.read(reader, total, repeated(ats, sizes)) if total else ())
        return [tuple(next(flat) for _each in range(size)) for size in sizes]

    def check(self, reader: Reader, count: int, ats: Sequence[int]) -> None:
        sizes = reader.ints(count, 0, self._most)
        if any(sizes):
            self._inner.check(reader, sum(sizes), repeated(ats, sizes))


def repeated(values: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """Each value as often as its size says."""
    return [*chain.from_iterable(map(repeat, compress(values, sizes), filter(None, sizes)))]
