"""Packets become fragmented MP4 (ISO/IEC 14496-12 §8.8), not re-encoded: an init segment, then one fragment a GOP."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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


def remux(stream: StreamInfo, packets: Sequence[Packet]) -> RemuxedClip:
    """Put `packets`, of which the first is a keyframe, into fragmented MP4 whose decoding starts at time 0.

    Times come from the packets' positions, so a stray timestamp of the camera does not reach the clip. Raises
    CaptureError where the packets cannot be a clip.
    """
    if not packets or not packets[0].is_keyframe:
        raise CaptureError(_("a clip must begin with a keyframe; this one's first packet is none"))
    remuxer = Remuxer(stream)
    try:
        segments = [segment for packet in packets for segment in remuxer.feed(packet)]
        return remuxer.finish(tuple(segments))
    except BaseException:
        remuxer.close()
        raise


class _Written:
    """A file that only goes forward, and is emptied as it is read."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


class Remuxer:
    """Packets in, finished segments out; the same packets give the same bytes. Raises CaptureError.

    A packet's duration is known when the next one comes, so a segment is done one packet after the next keyframe.
    """

    def __init__(self, stream: StreamInfo) -> None:
        self._stream = stream
        self._written = _Written()
        self._first: Packet | None = None
        self._waiting: tuple[Packet, int] | None = None
        self._lasting = max(1, round(_frame_seconds(stream) / stream.time_base))
        with _as_capture_error():
            self._container = av.open(
                self._written, "w", format="mp4", options={"movflags": _MOVFLAGS, "flush_packets": "1"}
            )
            self._track = self._container.add_mux_stream(stream.codec, width=stream.width_px, height=stream.height_px)
            self._track.time_base = stream.time_base

    def feed(self, packet: Packet) -> list[bytes]:
        """The next packet, a keyframe first; returns the segments that are complete now."""
        self._first = self._first or packet
        tick = round((packet.position_seconds - self._first.position_seconds) / float(self._stream.time_base))
        done: list[bytes] = []
        if self._waiting is not None:
            before, at = self._waiting
            tick = max(tick, at + 1)
            self._lasting = tick - at
            self._mux(before, at)
            done = self._complete() if before.is_keyframe else []
        self._waiting = (packet, tick)
        return done

    def finish(self, segments: tuple[bytes, ...]) -> RemuxedClip:
        """No packet follows; the clip, of which `segments` are those that were complete before."""
        if self._waiting is None or self._first is None:
            raise CaptureError(_("a clip must begin with a keyframe; this one's first packet is none"))
        last, at = self._waiting
        self._mux(last, at)
        with _as_capture_error():
            self._container.close()
        return RemuxedClip(
            segments=segments + tuple(_segments(self._written.take())),
            duration_seconds=float((at + self._lasting) * self._stream.time_base),
            codec_string=nal.codec_string(self._stream.codec, nal.parameter_sets(self._stream.codec, self._first.data)),
        )

    def close(self) -> None:
        """Let go of what was begun."""
        with contextlib.suppress(av.FFmpegError, ValueError):
            self._container.close()

    def _mux(self, packet: Packet, tick: int) -> None:
        made = av.Packet(packet.data)
        made.stream = self._track
        made.time_base = self._stream.time_base
        made.dts = tick
        made.pts = tick + round((packet.pts - packet.dts) * packet.time_base / self._stream.time_base)
        made.duration = self._lasting
        made.is_keyframe = packet.is_keyframe
        with _as_capture_error():
            self._container.mux_one(made)

    def _complete(self) -> list[bytes]:
        """What was written since the last call and is whole: the fragment before the keyframe that was just put in."""
        return [segment for segment in _segments(self._written.take()) if segment]


@contextlib.contextmanager
def _as_capture_error() -> Iterator[None]:
    try:
        yield
    except (av.FFmpegError, ValueError) as error:
        raise CaptureError(_("the packets cannot be put into MP4: {reason}").format(reason=error)) from error


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
