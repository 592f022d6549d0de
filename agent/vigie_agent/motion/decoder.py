"""Pictures from packets, as few as will do: keyframes while resting, everything that follows when awake."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from vigie_agent.capture.packets import Codec, Packet
from vigie_agent.motion.grid import Luma

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


class FrameDecoder:
    """One decoder per camera, without threads: they cost memory and save no CPU."""

    def __init__(self, codec: Codec, *, deblock: bool) -> None:
        """`deblock=False` costs a third less; errors then grow within a GOP, which motion bears and plates do not."""
        self._codec = codec
        self._deblock = deblock
        self._context = self._open()
        self._is_awake = False
        self._keyframe: Packet | None = None
        self._is_drained = False
        self.corrupt_packets = 0

    def rest(self) -> None:
        """From now on decode keyframes only."""
        self._is_awake = False

    def wake(self) -> None:
        """From now on decode everything; call it behind the keyframe that gave the reason."""
        if not self._is_awake and self._is_drained and self._keyframe is not None:
            self._context.flush_buffers()
            self._is_drained = False
            self._send(self._keyframe)
        self._is_awake = True

    def decode(self, packet: Packet) -> list[DecodedFrame]:
        """The pictures that `packet` completes."""
        if packet.is_keyframe:
            return self._decode_keyframe(packet)
        if not self._is_awake or self._keyframe is None:
            return []
        return self._frames(packet, self._send(packet))

    def _decode_keyframe(self, packet: Packet) -> list[DecodedFrame]:
        was_resting = not self._is_awake
        if was_resting or self._keyframe is None:
            self._context.flush_buffers()
        self._keyframe, self._is_drained = packet, False
        frames = self._send(packet)
        if was_resting and not frames:
            frames = self._context.decode(None)  # A stream with B-frames holds its keyframe back.
            self._is_drained = True
        return self._frames(packet, frames)

    def _send(self, packet: Packet) -> list[VideoFrame]:
        sent = av.Packet(packet.data)
        sent.time_base = _TIME_BASE
        sent.dts = round(packet.position_seconds / _TIME_BASE)
        sent.pts = round(packet.presented_seconds / _TIME_BASE)
        try:
            return self._context.decode(sent)
        except av.FFmpegError:
            self.corrupt_packets += 1
            self._keyframe = None
            return []

    def _frames(self, packet: Packet, frames: list[VideoFrame]) -> list[DecodedFrame]:
        made = []
        for frame in frames:
            shown_seconds = packet.position_seconds if frame.pts is None else float(frame.pts * _TIME_BASE)
            at = packet.at + timedelta(seconds=shown_seconds - packet.position_seconds)
            made.append(DecodedFrame(shown_seconds, at, frame))
        return made

    def _open(self) -> VideoCodecContext:
        context = av.CodecContext.create(self._codec, "r")
        context.thread_type = av.codec.context.ThreadType.NONE
        context.thread_count = 1
        if not self._deblock:
            context.options = {"skip_loop_filter": "all"}
        return context
