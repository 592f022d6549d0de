"""Columns made of columns: what may be absent, plates and their likes, boxes, lists and whole events."""

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from itertools import chain, compress, repeat
from typing import Any, Final

from vigie_shared.columns.kinds import OTHERWISE, Column, Known, Names, Numbers
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError

_DIGITS: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_NUMBER: Final = 10**18 - 1
EDGE: Final = 2047
HOLE: Final = "\0"
"""Where a number was; a text that holds it already is written whole."""
_FRAMES: Final = (
    *(f"{HOLE}|{letter}|{HOLE}" for letter in "أبدهوطجحيكلمنسعفصقرشتثخذضظغ"),
    *(f"{HOLE}|WW|", f"{HOLE}|W{HOLE}|", f"{HOLE}|CD|{HOLE}", f"{HOLE}||{HOLE}", f"{HOLE}|M|", f"{HOLE}|ش|"),
)
"""What is around the numbers of common plates, the commonest first. Never change it: old batches are read by it."""


_NAMES_KEPT: Final = 4096
_FORMS_KEPT: Final = 1024
_ROOMS_KEPT: Final = 4096
_BETWEEN: Final = "\n"
"""Between texts that are made together; rare in a text, which then is made by itself."""


class Optional(Column):
    """A column in which some are None."""

    def __init__(self, inner: Column) -> None:
        self.inner = inner

    def write(self, writer: Writer, values: Sequence[Any], ats: Sequence[int]) -> None:
        there = [value is not None for value in values]
        writer.data.append(all(there))
        if not all(there):
            writer.flags(there)
        if any(there):
            some = [(value, at) for value, at in zip(values, ats, strict=True) if value is not None]
            self.inner.write(writer, [value for value, _at in some], [at for _value, at in some])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[Any]:
        if reader.byte():
            return [*self.inner.read(reader, count, ats)]
        there = reader.flags(count)
        if not any(there):
            return [None] * count
        some = [*compress(ats, there)]
        found = iter(self.inner.read(reader, len(some), some))
        return [next(found) if is_there else None for is_there in there]


class Numbered(Column):
    """Texts with numbers in them: what is around the numbers, of which few are different, and the numbers."""

    def __init__(self, least: int, most: int, frames: Sequence[str] = (), pattern: str = "") -> None:
        self._least = least
        self._most = most
        self.frames = Known(frames, Names(most + 1)) if frames else Names(most + 1)
        self._can_be = lru_cache(_NAMES_KEPT)(re.compile(pattern).fullmatch) if pattern else None
        self._room = lru_cache(_ROOMS_KEPT)(self._room_in)

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        if any(HOLE in value for value in values):
            raise ValueError("a text holds a zero character")
        self.frames.write(writer, [_DIGITS.sub(HOLE, value) for value in values], ats)
        numbers = [[int(run) for run in _DIGITS.findall(value)] for value in values]
        for place in range(max(map(len, numbers))):
            writer.ints([found[place] for found in numbers if len(found) > place])

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        values = self._filled(reader, self.frames.read(reader, count, ats))
        sizes = set(map(len, values))
        if not (self._least <= min(sizes) and max(sizes) <= self._most):
            raise WireError(f"a text is not of {self._least} to {self._most} characters")
        if self._can_be and not all(map(self._can_be, set(values))):
            raise WireError("a name that cannot be")
        return values

    @staticmethod
    def _filled(reader: Reader, frames: list[str]) -> list[str]:
        forms = {frame: _form(frame) for frame in set(frames)}
        texts = {frame: form for frame, (_holes, form) in forms.items()}
        holes, *others = {holes for holes, _form in forms.values()}
        if not others and not any(_BETWEEN in frame for frame in forms):  # as nearly all are
            columns = [reader.ints(len(frames), 0, _NUMBER) for _hole in range(holes)]
            numbers = tuple(chain.from_iterable(zip(*columns, strict=True)))
            return (_BETWEEN.join(map(texts.__getitem__, frames)) % numbers).split(_BETWEEN)
        counts = [forms[frame][0] for frame in frames]
        found = [iter(reader.ints(sum(count > place for count in counts), 0, _NUMBER)) for place in range(max(counts))]
        return [texts[frame] % tuple(map(next, found[:count])) for frame, count in zip(frames, counts, strict=True)]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        holes, most = self.room(self.frames.among(reader, count))
        return most > 0 and all(reader.skim(count, 0, most) for _hole in range(holes))

    def room(self, frames: Collection[str]) -> tuple[int, int]:
        """How many numbers go into each of `frames`, and the largest that surely can; 0 where that is not plain."""
        rooms = {*map(self._room, frames)}
        if len({holes for holes, _digits in rooms}) != 1:
            return 0, 0
        ((holes, digits), *_more) = sorted(rooms)
        return holes, min(10 ** max(digits, 0) - 1, _NUMBER)

    def _room_in(self, frame: str) -> tuple[int, int]:
        """How many numbers go into a frame, and how many digits of each can surely be; none where none can."""
        holes = frame.count(HOLE)
        if len(frame) < self._least or (self._can_be and not self._can_be(frame.replace(HOLE, "0"))):
            return holes, 0
        return holes, (self._most - len(frame) + holes) // max(holes, 1)


@lru_cache(_FORMS_KEPT)
def _form(frame: str) -> tuple[int, str]:
    """How many numbers go into a frame, and the format that puts them there."""
    return frame.count(HOLE), frame.replace("%", "%%").replace(HOLE, "%d")


class Plates(Column):
    """Canonical texts of plates; any other text will do too."""

    def __init__(self, least: int, most: int) -> None:
        self.numbered = Numbered(least, most, _FRAMES)
        self._whole = Names(most, least=least)

    def write(self, writer: Writer, values: Sequence[str], ats: Sequence[int]) -> None:
        whole = any(HOLE in value for value in values)
        if whole:
            writer.data.append(OTHERWISE + 1)
        (self._whole if whole else self.numbered).write(writer, values, ats)

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[str]:
        whole = reader.skip(OTHERWISE + 1)
        return (self._whole if whole else self.numbered).read(reader, count, ats)

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        whole = reader.skip(OTHERWISE + 1)
        return (self._whole if whole else self.numbered).skim(reader, count, ats)


class Cameras(Numbered):
    """Names that an installer chose, often numbered. Where a digit can be, `pattern` takes any others."""

    def __init__(self, most: int, pattern: str) -> None:
        super().__init__(1, most, pattern=pattern)


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
        left, top, width, height = (reader.ints(count, -EDGE, EDGE) for _side in range(4))
        return [
            (_share(x), _share(y), _share(x + w), _share(y + h))
            for x, y, w, h in zip(left, top, width, height, strict=True)
        ]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        return all(reader.skim(count, -EDGE, EDGE) for _side in range(4))


def _share(thousandths: int) -> float:
    """What lies outside of the picture, as only a stranger says, ends at its edge."""
    return min(max(thousandths, 0), 1000) / 1000


class Lists(Column):
    """Up to `most` values each: how many, then all in one column, to which nothing is told."""

    def __init__(self, inner: Column, most: int) -> None:
        self.inner = inner
        self.most = most

    def write(self, writer: Writer, values: Sequence[Sequence[Any]], ats: Sequence[int]) -> None:
        sizes = [len(value) for value in values]
        writer.ints(sizes)
        flat = list(chain.from_iterable(values))
        if flat:
            self.inner.write(writer, flat, ())

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[tuple[Any, ...]]:
        sizes = reader.ints(count, 0, self.most)
        total = sum(sizes)
        flat = iter(self.inner.read(reader, total, ()) if total else ())
        return [tuple(next(flat) for _each in range(size)) for size in sizes]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        total = sum(reader.ints(count, 0, self.most))
        return not total or self.inner.skim(reader, total, ())


def repeated(values: Sequence[Any], sizes: Sequence[int]) -> list[Any]:
    """Each value as often as its size says."""
    return [*chain.from_iterable(map(repeat, compress(values, sizes), filter(None, sizes)))]
