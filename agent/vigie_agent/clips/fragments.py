"""What the boxes of a fragmented MP4 say of its times (ISO/IEC 14496-12 §8.4.2, §8.8.7, §8.8.8, §8.8.12)."""

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

_HEADER_BYTES: Final = 8
_CONTAINERS: Final = frozenset({b"moov", b"trak", b"mdia", b"moof", b"traf"})


class Span(NamedTuple):
    """When a segment begins and ends, in milliseconds from the clip's start."""

    starts_ms: int
    ends_ms: int


def timescale(init: bytes) -> int | None:
    """Ticks a second of the only track; None where `init` is no init segment."""
    for kind, body in walk(memoryview(init)):
        if kind == b"mdhd" and len(body) >= 24:
            at = 20 if body[0] == 1 else 12
            return int(struct.unpack_from(">I", body, at)[0]) or None
    return None


def span(ticks_a_second: int | None, fragment: bytes) -> Span | None:
    """When `fragment` begins and ends; None where its boxes do not say."""
    if not ticks_a_second:
        return None
    try:
        starts, lasts = _ticks(fragment)
    except (struct.error, IndexError):
        return None
    if starts is None:
        return None
    return Span(starts * 1000 // ticks_a_second, -(-(starts + lasts) * 1000 // ticks_a_second))


def first_sample(moof: bytes) -> tuple[int, int] | None:
    """Offset from the start of `moof`, and size, of a fragment's first picture; None where its boxes do not say."""
    default = 0
    try:
        for kind, body in walk(memoryview(moof)):
            if kind == b"tfhd":
                default = _default_size(body)
            elif kind == b"trun":
                return _first_of(body, default)
    except (struct.error, IndexError):
        return None
    return None


def _default_size(tfhd: memoryview) -> int:
    flags = int.from_bytes(tfhd[1:4], "big")
    if not flags & 0x10:
        return 0
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0) + (4 if flags & 0x8 else 0)
    return int(struct.unpack_from(">I", tfhd, at)[0])


def _first_of(trun: memoryview, default: int) -> tuple[int, int] | None:
    flags = int.from_bytes(trun[1:4], "big")
    if not flags & 0x1:
        return None
    (offset,) = struct.unpack_from(">i", trun, 8)
    at = 12 + (4 if flags & 0x4 else 0) + (4 if flags & 0x100 else 0)
    size = struct.unpack_from(">I", trun, at)[0] if flags & 0x200 else default
    return (offset, size) if offset > 0 and size > 0 else None


def _ticks(fragment: bytes) -> tuple[int | None, int]:
    """Decode time of the first sample, and how long all last."""
    starts, lasts, default = None, 0, 0
    for kind, body in walk(memoryview(fragment)):
        if kind == b"tfdt":
            starts = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)[0]
        elif kind == b"tfhd":
            default = _default_duration(body)
        elif kind == b"trun":
            lasts += _duration(body, default)
    return starts, lasts


def _default_duration(tfhd: memoryview) -> int:
    flags = int.from_bytes(tfhd[1:4], "big")
    if not flags & 0x8:
        return 0
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    return int(struct.unpack_from(">I", tfhd, at)[0])


def _duration(trun: memoryview, default: int) -> int:
    flags = int.from_bytes(trun[1:4], "big")
    (count,) = struct.unpack_from(">I", trun, 4)
    if not flags & 0x100:
        return int(count) * default
    at = 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)
    step = 4 * sum(bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800))
    return sum(struct.unpack_from(">I", trun, at + number * step)[0] for number in range(count))


def walk(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """All boxes, those inside containers too, without their headers; stops at what is no box."""
    at = 0
    while at + _HEADER_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < _HEADER_BYTES or at + size > len(data):
            return
        body = data[at + _HEADER_BYTES : at + size]
        yield kind, body
        if kind in _CONTAINERS:
            yield from walk(body)
        at += size
