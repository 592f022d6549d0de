"""Keyframes alone as a film that plays: each stays for as long as its fragment did (ISO/IEC 14496-12 §8.8).

The pictures are the very bytes of the original; only the boxes that say when they are shown are made anew.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Final

from vigie_shared.errors import WireError
from vigie_shared.i18n import gettext as _

_HEADER_BYTES: Final = 8
_INSIDE: Final = frozenset({b"moof", b"traf", b"moov", b"trak", b"mdia"})
_DATA_OFFSET, _FIRST_FLAGS, _DURATION, _SIZE, _FLAGS, _SHIFT = 0x1, 0x4, 0x100, 0x200, 0x400, 0x800
_BASE_IS_MOOF: Final = 0x020000
_SHOWS_ALONE: Final = 0x02000000
"""`sample_depends_on` 2: on no other (§8.8.3.1)."""


def strip(init: bytes, heads: Sequence[bytes]) -> bytes:
    """A fragmented MP4 of `heads`, in order of time; raises WireError where they are none."""
    fragments = [_taken_apart(head) for head in heads]
    made = [init]
    for number, (track, starts, lasts, picture) in enumerate(fragments):
        until = fragments[number + 1][1] if number + 1 < len(fragments) else starts + lasts
        made.append(_fragment(number + 1, track, starts, max(1, until - starts), picture))
    return b"".join(made)


def begins_at(init: bytes, moof: bytes) -> float:
    """Seconds since the clip's beginning at which the fragment with this box begins; raises WireError as `strip`."""
    _track, starts, _lasts, _offset, _size = _told(moof)
    header = next((body for kind, body in _boxes(memoryview(init)) if kind == b"mdhd"), memoryview(b""))
    at = 20 if bytes(header[:1]) == b"\1" else 12
    rate = int.from_bytes(header[at : at + 4], "big")
    if not rate:
        raise WireError(_("a keyframe of this clip is not what a fragment begins with"))
    return starts / rate


def head_bytes(moof: bytes) -> int:
    """How long the head of the fragment is that begins with this box; raises WireError where it is none."""
    _track, _starts, _lasts, offset, size = _told(moof)
    return offset + size


def _taken_apart(head: bytes) -> tuple[int, int, int, bytes]:
    """Track, decode time, how long the fragment lasts, and its first picture."""
    track, starts, lasts, offset, size = _told(head)
    picture = head[offset : offset + size]
    if len(picture) != size:
        raise WireError(_("a keyframe of this clip is not what a fragment begins with"))
    return track, starts, lasts, picture


def _told(head: bytes) -> tuple[int, int, int, int, int]:
    """Track, decode time, how long the fragment lasts, where its first picture lies, and its size."""
    track = starts = lasts = default_duration = default_size = offset = size = 0
    try:
        for kind, body in _boxes(memoryview(head)):
            if kind == b"tfhd":
                track, default_duration, default_size = _of_track(body)
            elif kind == b"tfdt":
                starts = struct.unpack_from(">Q" if body[0] == 1 else ">I", body, 4)[0]
            elif kind == b"trun":
                offset, size, lasts = _of_run(body, default_duration, default_size)
                break
    except (struct.error, IndexError, ValueError) as error:
        raise WireError(_("a keyframe of this clip is not what a fragment begins with")) from error
    if not size or starts >= 1 << 62:
        raise WireError(_("a keyframe of this clip is not what a fragment begins with"))
    return track, starts, lasts, offset, size


def _of_track(tfhd: memoryview) -> tuple[int, int, int]:
    """Track, default duration, default size (§8.8.7)."""
    flags, (track,) = int.from_bytes(tfhd[1:4], "big"), struct.unpack_from(">I", tfhd, 4)
    at = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    duration = size = 0
    if flags & 0x8:
        (duration,), at = struct.unpack_from(">I", tfhd, at), at + 4
    if flags & 0x10:
        (size,) = struct.unpack_from(">I", tfhd, at)
    return track, duration, size


def _of_run(trun: memoryview, default_duration: int, default_size: int) -> tuple[int, int, int]:
    """Where the first picture is, its size, and how long all last (§8.8.8)."""
    flags, (count,) = int.from_bytes(trun[1:4], "big"), struct.unpack_from(">I", trun, 4)
    if not flags & _DATA_OFFSET:
        raise ValueError
    (offset,) = struct.unpack_from(">i", trun, 8)
    at = 12 + (4 if flags & _FIRST_FLAGS else 0)
    step = 4 * sum(bool(flags & bit) for bit in (_DURATION, _SIZE, _FLAGS, _SHIFT))
    if offset < 0 or (step and count > len(trun) // step):
        raise ValueError
    size, lasts = default_size, count * default_duration
    if flags & _DURATION:
        lasts = sum(struct.unpack_from(">I", trun, at + step * number)[0] for number in range(count))
    if flags & _SIZE:
        (size,) = struct.unpack_from(">I", trun, at + (4 if flags & _DURATION else 0))
    return offset, size, lasts


def _fragment(sequence: int, track: int, starts: int, lasts: int, picture: bytes) -> bytes:
    lasts = min(lasts, (1 << 32) - 1)
    head = _box(b"tfhd", struct.pack(">II", _BASE_IS_MOOF, track)) + _box(b"tfdt", struct.pack(">IQ", 1 << 24, starts))
    run_flags = _DATA_OFFSET | _FIRST_FLAGS | _DURATION | _SIZE
    first = _box(b"mfhd", struct.pack(">II", 0, sequence))
    moof_bytes = _HEADER_BYTES + len(first) + _HEADER_BYTES + len(head) + _HEADER_BYTES + 24
    run = struct.pack(">IIiIII", run_flags, 1, moof_bytes + _HEADER_BYTES, _SHOWS_ALONE, lasts, len(picture))
    moof = _box(b"moof", first + _box(b"traf", head + _box(b"trun", run)))
    return moof + _box(b"mdat", picture)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", _HEADER_BYTES + len(body), kind) + body


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Boxes of the fragment's head, those inside others too; the last one may be cut off."""
    at = 0
    while at + _HEADER_BYTES <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if size < _HEADER_BYTES:
            return
        body = data[at + _HEADER_BYTES : at + size]
        yield kind, body
        if kind in _INSIDE:
            yield from _boxes(body)
        at += size
