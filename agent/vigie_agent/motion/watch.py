"""One camera's motion: decides what is decoded, and judges it."""

from collections import deque
from dataclasses import dataclass

from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.packets import Codec, Packet
from vigie_agent.motion.decoder import DecodedFrame, FrameDecoder
from vigie_agent.motion.detector import MotionChange, MotionDetector
from vigie_agent.motion.grid import grid_of


@dataclass(frozen=True, slots=True)
class Observation:
    """What a packet showed."""

    changes: list[MotionChange]
    frames: list[DecodedFrame]
    """Pictures decoded while something moves."""


class MotionWatch:
    """Keyframes while all is quiet, every picture while something moves.

    A camera with rare keyframes is decoded fully: between two of them a car would come and go unseen.
    """

    def __init__(self, settings: MotionSettings, codec: Codec, *, deblock: bool) -> None:
        self._settings = settings
        self._detector = MotionDetector(settings)
        self._decoder = FrameDecoder(codec, deblock=deblock)
        self._step_seconds = 1 / settings.frames_per_second_max
        self._judged_at_seconds: float | None = None
        self._keyframe_at_seconds: float | None = None
        self._gops_seconds: deque[float] = deque(maxlen=4)

    @property
    def is_moving(self) -> bool:
        """Whether a motion has started and not ended."""
        return self._detector.is_moving

    @property
    def has_rare_keyframes(self) -> bool:
        """Whether the camera forces full decoding."""
        return max(self._gops_seconds, default=0.0) > self._settings.keyframe_seconds_max

    def feed(self, packet: Packet) -> Observation:
        """Look at `packet`, or leave it undecoded."""
        self._measure_gop(packet)
        changes: list[MotionChange] = []
        shown: list[DecodedFrame] = []
        for frame in self._decoder.decode(packet):
            if self._is_due(frame.position_seconds, is_keyframe=packet.is_keyframe):
                self._judged_at_seconds = frame.position_seconds
                changes += self._detector.feed(frame.position_seconds, grid_of(frame.luma()))
            if self._detector.is_moving:
                shown.append(frame)
        if self._detector.is_moving or not self._gops_seconds or self.has_rare_keyframes:
            self._decoder.wake()
        else:
            self._decoder.rest()
        return Observation(changes, shown)

    def finish(self) -> list[MotionChange]:
        """No packets follow."""
        return self._detector.finish()

    def _measure_gop(self, packet: Packet) -> None:
        if not packet.is_keyframe:
            return
        if self._keyframe_at_seconds is not None and not packet.is_discontinuity:
            self._gops_seconds.append(packet.position_seconds - self._keyframe_at_seconds)
        self._keyframe_at_seconds = packet.position_seconds

    def _is_due(self, position_seconds: float, *, is_keyframe: bool) -> bool:
        if is_keyframe or self._judged_at_seconds is None:
            return True
        return position_seconds - self._judged_at_seconds >= self._step_seconds * 0.99
