"""Sequences of one lane: how far they are complete, and which are missing. Pure; ranges are (first, last)."""

from collections.abc import Iterable

Range = tuple[int, int]


def advance(watermark: int, stored: Iterable[Range]) -> int:
    """The highest sequence up to which all are stored; `stored` ascends."""
    for first, last in stored:
        if first > watermark + 1:
            break
        watermark = max(watermark, last)
    return watermark


def holes(first: int, last: int, stored: Iterable[Range]) -> list[Range]:
    """The ranges of `first … last` that are not in `stored`, which ascends."""
    found: list[Range] = []
    for start, end in stored:
        if start > last:
            break
        if start > first:
            found.append((first, start - 1))
        first = max(first, end + 1)
    if first <= last:
        found.append((first, last))
    return found


def without(missing: Range, first: int, last: int) -> list[Range]:
    """What stays missing once `first … last` have arrived after all."""
    start, end = missing
    left = [(start, min(end, first - 1)), (max(start, last + 1), end)]
    return [part for part in left if part[0] <= part[1]]
