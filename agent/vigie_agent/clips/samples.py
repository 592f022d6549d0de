"""Coded pictures out of a fragmented MP4, one segment at a time: the way back from `remux`.

ISO/IEC 14496-12 §8.8.7, §8.8.8 (fragments), 14496-15 §5.3.3 and §8.3.3 (parameter sets, NAL units behind lengths).
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, cast

from vigie_agent.capture import nal
from vigie_agent.capture.packets import Codec
from vigie_agent.clips import fragments
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

SAMPLES_MAX: Final = 100_000
_VISUAL_ENTRY_BYTES: Final = 78
_CONFIGURATIONS: Final[dict[bytes, Codec]] = {b"avcC": "h264", b"hvcC": "hevc"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One coded picture in Annex B, in decoding order; times are seconds from the clip's start."""

    data: bytes
    is_keyframe: bool
    decoded_seconds: float
    shown_seconds: float


@dataclass(frozen=True, slots=True)
class Track:
    """What the init segment says; needed for every other one."""

    codec: Codec
    ticks_a_second: int
    length_bytes: int
    """How long the length before each NAL unit is."""
    parameter_sets: tuple[bytes, ...]


def track_of(init: bytes) -> Track:
    """Read an init segment; raises StoreError where it is none, or of another codec."""
    ticks = fragments.timescale(init)
    try:
        found = next(_configurations(memoryview(init)), None)
        if found is None or ticks is None:
            raise StoreError(_("the clip's beginning names neither H.264 nor H.265"))
        kind, body = found
        codec = _CONFIGURATIONS[kind]
        length_bytes, sets = (_avc if codec == "h264" else _hevc)(body)
    except (struct.error, IndexError) as error:
        raise StoreError(_("the clip's beginning cannot be read: it is cut short")) from error
    return Track(codec, ticks, length_bytes, sets)


def samples_of(track: Track, segment: bytes) -> list[Sample]:
    """The pictures of a segment, a keyframe first; raises StoreError where its boxes make no sense."""
    try:
        return list(_samples(track, memoryview(segment)))
    except (struct.error, IndexError) as error:
        raise StoreError(_("a part of the clip cannot be read: its boxes make no sense")) from error


def reorders(samples: Sequence[Sample]) -> bool:
    """Whether pictures are shown in another order than they are decoded (B-frames)."""
    return any(after.shown_seconds < before.shown_seconds for before, after in pairwise(samples))


def _samples(track: Track, segment: memoryview) -> Iterator[Sample]:
    tick = default_duration = default_size = 0
    is_first, count = True, 0
    for kind, body in fragments.walk(segment):
        if kind == b"tfhd":
            default_duration, default_size = _defaults(body)
        elif kind == b"tfdt":
            tick = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)[0]
        elif kind == b"trun":
            offset, entries = _run(body, default_duration, default_size)
            for duration, size, delay in entries:
                count += 1
                data = segment[offset : offset + size]
                if len(data) != size or count > SAMPLES_MAX:
                    raise IndexError
                yield Sample(
                    _annex_b(track, data, with_sets=is_first),
                    is_first,
                    tick / track.ticks_a_second,
                    (tick + delay) / track.ticks_a_second,
                )
                is_first = False
                tick += duration
                offset += size


def _defaults(tfhd: memoryview) -> tuple[int, int]:
    """Duration and size of samples for which the run says none."""
    flags = int.from_bytes(tfhd[1:4], "big")
    at, found = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0), [0, 0]
    for index, bit in enumerate((0x8, 0x10)):
        if flags & bit:
            found[index] = struct.unpack_from(">I", tfhd, at)[0]
            at += 4
    return found[0], found[1]


def _run(trun: memoryview, duration: int, size: int) -> tuple[int, Iterator[tuple[int, int, int]]]:
    """Where the first sample's bytes begin, counted from `moof`, and duration, size and delay of each."""
    flags = int.from_bytes(trun[1:4], "big")
    count, offset = struct.unpack_from(">II", trun, 4)
    if not flags & 0x1 or count > SAMPLES_MAX:
        raise IndexError
    at = 12 + (4 if flags & 0x4 else 0)
    present = [bool(flags & bit) for bit in (0x100, 0x200, 0x400, 0x800)]
    signed = trun[0] == 1

    def entries() -> Iterator[tuple[int, int, int]]:
        reading = at
        for _number in range(count):
            values = [duration, size, 0, 0]
            for field, is_present in enumerate(present):
                if is_present:
                    (values[field],) = struct.unpack_from(">i" if signed and field == 3 else ">I", trun, reading)
                    reading += 4
            yield values[0], values[1], values[3]

    return offset, entries()


def _annex_b(track: Track, data: memoryview, *, with_sets: bool) -> bytes:
    """NAL units behind start codes; a keyframe without parameter sets gets those of the init segment."""
    units, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + track.length_bytes], "big")
        at += track.length_bytes
        if size > len(data) - at:
            raise IndexError
        if size:
            units.append(bytes(data[at : at + size]))
        at += size
    sequence = nal.SEQUENCE_SET[track.codec]
    if with_sets and not any(nal.nal_type(track.codec, unit) == sequence for unit in units):
        units = [*track.parameter_sets, *units]
    return nal.annex_b(units)


def _configurations(init: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """The decoder configuration boxes of the video track."""
    for table in _children(init, (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")):
        for _kind, entry in fragments.walk(table[8:]):
            for kind, body in fragments.walk(entry[_VISUAL_ENTRY_BYTES:]):
                if kind in _CONFIGURATIONS:
                    yield kind, body


def _children(data: memoryview, path: tuple[bytes, ...]) -> Iterator[memoryview]:
    """The bodies of the boxes at `path`."""
    at = 0
    while at + 8 <= len(data):
        size, kind = cast("tuple[int, bytes]", struct.unpack_from(">I4s", data, at))
        if size < 8 or at + size > len(data):
            return
        if kind == path[0]:
            body = data[at + 8 : at + size]
            if len(path) == 1:
                yield body
            else:
                yield from _children(body, path[1:])
        at += size


def _avc(body: memoryview) -> tuple[int, tuple[bytes, ...]]:
    sets, at = [], 5
    for mask in (0x1F, 0xFF):
        count = body[at] & mask
        at += 1
        for _number in range(count):
            unit, at = _unit(body, at)
            sets.append(unit)
    return (body[4] & 3) + 1, tuple(sets)


def _hevc(body: memoryview) -> tuple[int, tuple[bytes, ...]]:
    sets, at = [], 23
    for _array in range(body[22]):
        (count,) = struct.unpack_from(">H", body, at + 1)
        at += 3
        for _number in range(count):
            unit, at = _unit(body, at)
            sets.append(unit)
    return (body[21] & 3) + 1, tuple(sets)


def _unit(body: memoryview, at: int) -> tuple[bytes, int]:
    (size,) = struct.unpack_from(">H", body, at)
    return bytes(body[at + 2 : at + 2 + size]), at + 2 + size
