"""Sequences of one lane: how far they are complete, and which are missing. Pure; ranges are (first, last)."""

from collections.abc import Iterable

Range = tuple[int, int]


def advance(watermark: int, stored: Iterable[int]) -> int:
    """The highest sequence up to which all are stored; `stored` ascends from `watermark` + 1."""
    for seq in stored:
        if seq != watermark + 1:
            break
        watermark = seq
    return watermark


def holes(first: int, last: int, stored: Iterable[int]) -> list[Range]:
    """The ranges of `first … last` that are not in `stored`, which ascends."""
    found: list[Range] = []
    for seq in stored:
        if seq > last:
            break
        if seq > first:
            found.append((first, seq - 1))
        first = max(first, seq + 1)
    if first <= last:
        found.append((first, last))
    return found


def without(missing: Range, first: int, last: int) -> list[Range]:
    """What stays missing once `first … last` have arrived after all."""
    start, end = missing
    left = [(start, min(end, first - 1)), (max(start, last + 1), end)]
    return [part for part in left if part[0] <= part[1]]
