"""Values of a few bits each, packed one after another: unpacked, or compared with bounds, all at once.

One large integer holds them all, and each operation on it moves or adds every value at the speed of C: about twice as
quick as one value after another, already for the few dozen values of a batch.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from typing import Final

_VALUES_MAX: Final = 256
"""Of one large integer; a power of two, and so whole bytes at any width."""
_PLANS_KEPT: Final = 1024
_LANES: Final = ((8, "B"), (16, "H"), (32, "I"), (64, "Q"))
_BYTE: Final = {
    width: [tuple(byte >> shift & (1 << width) - 1 for shift in range(0, 8, width)) for byte in range(256)]
    for width in (1, 2, 4)
}
"""The values that one byte holds."""


def spread(data: bytes, count: int, width: int) -> list[int]:
    """`count` values of `width` bits, 1 to 64, out of `data`, which holds them and no more."""
    if width == 8:
        return list(data)
    if of_byte := _BYTE.get(width):
        values = [*chain.from_iterable(map(of_byte.__getitem__, data))]
        del values[count:]
        return values
    if count <= _VALUES_MAX:
        return _spread(data, count, width)
    stride = _VALUES_MAX * width // 8
    values = []
    for start in range(0, len(data), stride):
        values += _spread(data[start : start + stride], min(_VALUES_MAX, count - len(values)), width)
    return values


def _spread(data: bytes, count: int, width: int) -> list[int]:
    unpack, size, steps = _plan(width, (count - 1).bit_length())
    packed = int.from_bytes(data, "little")
    for low, high, shift in steps:
        packed = packed & low | (packed & high) << shift
    return list(unpack(packed.to_bytes(size, "little"))[:count])


@lru_cache(_PLANS_KEPT)
def _plan(width: int, doublings: int) -> tuple[Callable[[bytes], tuple[int, ...]], int, list[tuple[int, int, int]]]:
    """How to give each of 2 ** `doublings` values a lane of whole bytes: the upper half of all moves up, then of each
    half, and so on.
    """
    lane, code = next(found for found in _LANES if width <= found[0])
    steps = [] if doublings else [((1 << width) - 1, 0, 0)]
    for doubling in reversed(range(doublings)):
        half = 1 << doubling
        low = repeated((1 << half * width) - 1, 2 * half * lane, 1 << doublings - doubling - 1)
        steps.append((low, low << half * width, half * (lane - width)))
    lanes = struct.Struct(f"<{1 << doublings}{code}")
    return lanes.unpack, lanes.size, steps


def are_within(data: bytes, count: int, width: int, low: int, high: int) -> bool:
    """Whether all of `count` values of `width` bits in `data` are from `low` to `high`, both below 2 ** `width`."""
    packed = int.from_bytes(data, "little")
    for part, lanes in ((packed, count + 1 >> 1), (packed >> width, count >> 1)):
        # Every other value, so that each has room above it to carry into.
        ones = repeated(1, 2 * width, lanes)
        values, carries = part & ones * ((1 << width) - 1), ones << width
        if values + ones * ((1 << width) - 1 - high) & carries:
            return False
        if values + ones * ((1 << width) - low) & carries != carries:
            return False
    return True


@lru_cache(_PLANS_KEPT)
def repeated(pattern: int, distance: int, times: int) -> int:
    """`pattern` so many times, `distance` bits apart."""
    return pattern * (((1 << distance * times) - 1) // ((1 << distance) - 1))
