"""Cameras that send neither H.264 nor H.265 (USB: raw or MJPEG) are encoded once, where they come in."""

from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.stream import VideoStream

GOP_SECONDS: Final = 1.0
_FRAMES_PER_SECOND_UNKNOWN: Final = 25


class Encoder:
    """Decodes a stream's packets and encodes H.264: no delay, a keyframe a second, Annex B."""

    def __init__(self, stream: VideoStream) -> None:
        self._stream = stream
        self._time_base = stream.time_base or Fraction(1, 90_000)
        self._context: VideoCodecContext | None = None
        self._keyframe_pts: int | None = None

    def encode(self, packet: "av.Packet[VideoStream]") -> list["av.Packet[VideoStream]"]:
        """H.264 packets of the pictures in `packet`."""
        made: list[av.Packet[VideoStream]] = []
        for frame in packet.decode():
            made += self._encode(frame)
        return made

    def _encode(self, frame: VideoFrame) -> list["av.Packet[VideoStream]"]:
        if self._context is None:
            self._context = self._open(frame)
        plain = frame.reformat(width=self._context.width, height=self._context.height, format="yuv420p")
        plain.pts, plain.time_base = frame.pts, self._time_base
        plain.pict_type = PictureType.I if self._is_keyframe_due(frame.pts or 0) else PictureType.NONE
        return self._context.encode(plain)

    def _open(self, frame: VideoFrame) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = frame.width & ~1, frame.height & ~1
        context.pix_fmt = "yuv420p"
        context.time_base = self._time_base
        context.framerate = self._stream.average_rate or Fraction(_FRAMES_PER_SECOND_UNKNOWN)
        context.options = {"preset": "veryfast", "tune": "zerolatency", "crf": "23", "forced-idr": "1"}
        context.thread_count = 1
        return context

    def _is_keyframe_due(self, pts: int) -> bool:
        since = None if self._keyframe_pts is None else (pts - self._keyframe_pts) * self._time_base
        if since is None or not 0 <= since < GOP_SECONDS:
            self._keyframe_pts = pts
            return True
        return False
