"""Pictures from packets, as few as will do: keyframes alone, by decoders that cameras share, or everything."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.packet import Packet as AvPacket
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vigie_agent.capture.packets import Codec, Packet, StreamInfo
from vigie_agent.motion.grid import Luma

SHARED_DECODERS_MAX: Final = 6
"""Kept by each thread, one for each codec and size of picture."""
_TIME_BASE: Final = Fraction(1, 1_000_000)
_LUMA_FIRST: Final = frozenset({"yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12", "gray"})


@dataclass(frozen=True, slots=True)
class DecodedFrame:
    """A picture, at the time when it is shown."""

    position_seconds: float
    at: datetime
    frame: VideoFrame

    def luma(self) -> Luma:
        """Its brightness, rows x columns; a view that lives as long as the frame."""
        frame = self.frame if self.frame.format.name in _LUMA_FIRST else self.frame.reformat(format="gray")
        plane = frame.planes[0]
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
        view: Luma = rows[: frame.height, : frame.width]
        return view


class KeyframeDecoder:
    """Decodes keyframes of any camera: each stands alone, so one decoder serves all cameras of a codec and size.

    A decoder holds several pictures, which is most of what an idle camera would cost in memory. Every thread has its
    own. The loop filter is off: nothing refers to these pictures, and motion is judged on means.
    """

    def __init__(self) -> None:
        self._local = threading.local()

    def decode(self, stream: StreamInfo, keyframe: Packet) -> DecodedFrame | None:
        """The picture of `keyframe`; None where it is damaged."""
        context = self._context(stream)
        context.flush_buffers()
        try:
            frames = context.decode(_sendable(keyframe))
            if not frames:
                frames = context.decode(None)  # A stream with B-frames holds its keyframe back.
        except av.FFmpegError:
            return None
        return _decoded(keyframe, frames[0]) if frames else None

    def _context(self, stream: StreamInfo) -> VideoCodecContext:
        contexts: OrderedDict[tuple[Codec, int, int], VideoCodecContext] | None
        contexts = getattr(self._local, "contexts", None)
        if contexts is None:
            contexts = self._local.contexts = OrderedDict()
        key = (stream.codec, stream.width_px, stream.height_px)
        if key not in contexts:
            contexts[key] = _open(stream.codec, deblock=False)
            if len(contexts) > SHARED_DECODERS_MAX:
                contexts.popitem(last=False)
        contexts.move_to_end(key)
        return contexts[key]


class FrameDecoder:
    """Decodes everything of one camera, beginning with a keyframe; without threads: they save no CPU.

    Its loop filter is on. Without it decoding costs a third less, but each picture builds on the errors of the one
    before: by the end of a GOP a still night scene seems to move.
    """

    def __init__(self, codec: Codec) -> None:
        self._context = _open(codec, deblock=True)
        self._has_keyframe = False
        self.corrupt_packets = 0

    def decode(self, packet: Packet) -> list[DecodedFrame]:
        """The pictures that `packet` completes; none before the first keyframe, or after damage until the next."""
        if not packet.is_keyframe and not self._has_keyframe:
            return []
        try:
            frames = self._context.decode(_sendable(packet))
        except av.FFmpegError:
            self.corrupt_packets += 1
            self._has_keyframe = False
            self._context.flush_buffers()
            return []
        self._has_keyframe = True
        return [_decoded(packet, frame) for frame in frames]

    def finish(self, last: Packet) -> list[DecodedFrame]:
        """The pictures held back, once `last` has been decoded and no more packets come."""
        try:
            return [_decoded(last, frame) for frame in self._context.decode(None)]
        except av.FFmpegError:
            return []


def _sendable(packet: Packet) -> "AvPacket[Stream]":
    sent = AvPacket(packet.data)
    sent.time_base = _TIME_BASE
    sent.dts = round(packet.position_seconds / _TIME_BASE)
    sent.pts = round(packet.presented_seconds / _TIME_BASE)
    return sent


def _decoded(packet: Packet, frame: VideoFrame) -> DecodedFrame:
    shown_seconds = packet.position_seconds if frame.pts is None else float(frame.pts * _TIME_BASE)
    return DecodedFrame(shown_seconds, packet.at + timedelta(seconds=shown_seconds - packet.position_seconds), frame)


def _open(codec: Codec, *, deblock: bool) -> VideoCodecContext:
    context = av.CodecContext.create(codec, "r")
    context.thread_type = av.codec.context.ThreadType.NONE
    context.thread_count = 1
    if not deblock:
        context.options = {"skip_loop_filter": "all"}
    return context
