"""Packets become fragmented MP4 (ISO/IEC 14496-12 §8.8), not re-encoded: an init segment, then one fragment a GOP."""

import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Final

import av

from vigie_agent.capture import nal
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.errors import CaptureError
from vigie_shared.i18n import gettext as _

_MOVFLAGS: Final = "frag_keyframe+empty_moov+default_base_moof+skip_trailer"
_FRAME_SECONDS_UNKNOWN: Final = 0.04


@dataclass(frozen=True, slots=True)
class RemuxedClip:
    """A clip's bytes, in segments: every prefix that ends at a segment's end plays."""

    segments: tuple[bytes, ...]
    duration_seconds: float
    codec_string: str
    """As browsers name it: `avc1.64001f`."""

    @property
    def size_bytes(self) -> int:
        """Length of the whole."""
        return sum(len(segment) for segment in self.segments)

    def sha256(self) -> str:
        """Digest of the segments, one behind the other, in hexadecimal."""
        digest = hashlib.sha256()
        for segment in self.segments:
            digest.update(segment)
        return digest.hexdigest()


def remux(stream: StreamInfo, packets: Sequence[Packet]) -> RemuxedClip:
    """Put `packets`, of which the first is a keyframe, into fragmented MP4 whose decoding starts at time 0.

    Times come from the packets' positions, so a stray timestamp of the camera does not reach the clip. Raises
    CaptureError where the packets cannot be a clip.
    """
    if not packets or not packets[0].is_keyframe:
        raise CaptureError(_("a clip must begin with a keyframe; this one's first packet is none"))
    ticks = _decode_times(stream.time_base, packets)
    lasts = [after - before for before, after in pairwise(ticks)]
    lasts.append(lasts[-1] if lasts else max(1, round(_frame_seconds(stream) / stream.time_base)))
    try:
        mp4 = _write(stream, packets, ticks, lasts)
    except (av.FFmpegError, ValueError) as error:
        raise CaptureError(_("the packets cannot be put into MP4: {reason}").format(reason=error)) from error
    return RemuxedClip(
        segments=tuple(_segments(mp4)),
        duration_seconds=float((ticks[-1] + lasts[-1]) * stream.time_base),
        codec_string=nal.codec_string(stream.codec, nal.parameter_sets(stream.codec, packets[0].data)),
    )


def _write(stream: StreamInfo, packets: Sequence[Packet], ticks: Sequence[int], lasts: Sequence[int]) -> bytes:
    written = io.BytesIO()
    with av.open(written, "w", format="mp4", options={"movflags": _MOVFLAGS}) as container:
        track = container.add_mux_stream(stream.codec, width=stream.width_px, height=stream.height_px)
        track.time_base = stream.time_base
        for packet, dts, lasting in zip(packets, ticks, lasts, strict=True):
            made = av.Packet(packet.data)
            made.stream = track
            made.time_base = stream.time_base
            made.dts = dts
            made.pts = dts + round((packet.pts - packet.dts) * packet.time_base / stream.time_base)
            made.duration = lasting
            made.is_keyframe = packet.is_keyframe
            container.mux_one(made)
    return written.getvalue()


def _decode_times(time_base: Fraction, packets: Sequence[Packet]) -> list[int]:
    """Ticks from 0 on, each above the one before."""
    ticks: list[int] = []
    for packet in packets:
        tick = round((packet.position_seconds - packets[0].position_seconds) / float(time_base))
        ticks.append(max(tick, ticks[-1] + 1) if ticks else tick)
    return ticks


def _frame_seconds(stream: StreamInfo) -> float:
    return 1 / stream.frames_per_second if stream.frames_per_second > 0 else _FRAME_SECONDS_UNKNOWN


def _segments(mp4: bytes) -> Iterator[bytes]:
    """Cut before each `moof` box."""
    start = 0
    for offset, kind in _boxes(mp4):
        if kind == b"moof" and offset > start:
            yield mp4[start:offset]
            start = offset
    yield mp4[start:]


def _boxes(mp4: bytes) -> Iterator[tuple[int, bytes]]:
    """Offset and type of each top-level box."""
    offset = 0
    while offset + 8 <= len(mp4):
        size = int.from_bytes(mp4[offset : offset + 4], "big")
        if size == 1:
            size = int.from_bytes(mp4[offset + 8 : offset + 16], "big")
        yield offset, mp4[offset + 4 : offset + 8]
        if size < 8:
            return
        offset += size
