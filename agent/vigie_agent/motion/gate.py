"""What packet sizes tell of motion before anything is decoded, and whether they tell anything at this camera.

A camera of variable bitrate spends bits where the picture changes: a P picture of a quiet street is a hundredth of its
keyframe, with a car in it a tenth. A camera held to a constant bitrate spends them anyway, on noise. So the gate judges
itself, and stays silent where it has nothing to go by.
"""

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Final, Literal

from vigie_agent.capture.packets import Codec, Packet
from vigie_agent.motion.slices import SliceQp

LEARNING_SECONDS: Final = 20.0
"""What must have been seen before the gate speaks."""
WINDOW_SECONDS: Final = 4.0
"""Bitrate is compared between windows of this length: longer than most GOPs."""
WINDOWS: Final = 15
STEADY_VARIATION: Final = 0.1
"""Bitrates that vary by less than this share from window to window look held."""
QUIET_SHARE_MAX: Final = 0.15
"""A camera whose quiet pictures are larger than this share of its keyframes spends its bits on noise."""
HELD_SHARE_MIN: Final = 0.06
"""Where bitrates are steady, quiet pictures larger than this share of a keyframe mean that the rate is held."""
ALARM_FACTOR: Final = 2.0
"""How many times heavier than usual pictures must be."""
_RECENT: Final = 5
_GOPS: Final = 30
_DENIED_FACTOR, _DENIED_MAX = 1.5, 8.0

GateReason = Literal["learning", "informative", "held_bitrate", "noisy"]


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """Whether packets tell of motion at this camera, and why."""

    is_informative: bool
    reason: GateReason
    """`held_bitrate`: a constant bitrate, always used up; `noisy`: quiet pictures are nearly as large as others."""
    bitrate_variation: float
    """Standard deviation of the bitrate over a minute, as a share of its mean."""
    quiet_share: float
    """Size of quiet pictures, as a share of a keyframe's."""
    gop_seconds: float | None
    """The longest distance between keyframes lately; None until two have come."""
    qp: float | None
    """The usual quantiser of H.264, 0 (best) to 51; None where it is unknown."""


@dataclass(frozen=True, slots=True)
class _Gop:
    """What the pictures that depend on one keyframe were like."""

    median_bytes: float
    heaviest: float
    """The weight that one in ten exceeds."""


class PacketGate:
    """Feeds on a camera's packets in order; sans I/O."""

    def __init__(self, codec: Codec) -> None:
        self._slices = SliceQp() if codec == "h264" else None
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._weights: list[float] = []
        self._sizes: list[int] = []
        self._gops: deque[_Gop] = deque(maxlen=_GOPS)
        self._keyframe_bytes: deque[int] = deque(maxlen=8)
        self._keyframe_seconds: deque[float] = deque(maxlen=5)
        self._windows: deque[float] = deque(maxlen=WINDOWS)
        self._window_bytes = 0
        self._window_begun_seconds: float | None = None
        self._begun_seconds: float | None = None
        self._position_seconds = 0.0
        self._usual = 0.0
        self._qp: float | None = None
        self._factor = ALARM_FACTOR
        self.verdict = GateVerdict(False, "learning", 0.0, 0.0, None, None)

    def feed(self, packet: Packet) -> bool:
        """Whether the newest pictures are so much heavier than usual that one should look."""
        self._position_seconds = packet.position_seconds
        if self._begun_seconds is None or packet.is_discontinuity:
            self._window_begun_seconds = None
            self._keyframe_seconds.clear()
        if self._begun_seconds is None:
            self._begun_seconds = packet.position_seconds
        if packet.is_keyframe:
            self._end_gop(packet)
        self._window_bytes += len(packet.data)
        weight = None if packet.is_keyframe else self._weigh(packet)
        if weight is None:
            return False
        self._sizes.append(len(packet.data))
        self._weights.append(weight)
        self._recent.append(weight)
        if not self.verdict.is_informative or len(self._recent) < _RECENT:
            return False
        return weight > self._usual and median(self._recent) > self._factor * self._usual

    def deny(self) -> None:
        """Nothing moved where the gate spoke: it must see more before it speaks again, for a while."""
        self._factor = min(_DENIED_MAX, self._factor * _DENIED_FACTOR)

    def _weigh(self, packet: Packet) -> float | None:
        """Bits as a fixed quantiser would have needed: an encoder that runs short coarsens the quantiser instead."""
        if self._slices is None:
            return float(len(packet.data))
        qp = self._slices.read(packet.data)
        if qp is None:
            return None
        self._qp = float(qp) if self._qp is None else self._qp + 0.02 * (qp - self._qp)
        return float(len(packet.data) * 2 ** ((qp - 26) / 6))

    def _end_gop(self, keyframe: Packet) -> None:
        if self._slices is not None:
            self._slices.read(keyframe.data)
        self._keyframe_bytes.append(len(keyframe.data))
        self._keyframe_seconds.append(keyframe.position_seconds)
        if self._weights:
            heaviest = sorted(self._weights)[len(self._weights) * 9 // 10]
            self._gops.append(_Gop(median(self._sizes), heaviest))
            self._usual = median(gop.heaviest for gop in self._gops)
            self._weights, self._sizes = [], []
        self._factor += 0.05 * (ALARM_FACTOR - self._factor)
        if self._window_begun_seconds is None:
            self._window_begun_seconds, self._window_bytes = keyframe.position_seconds, 0
        elif (seconds := keyframe.position_seconds - self._window_begun_seconds) >= WINDOW_SECONDS:
            self._windows.append(self._window_bytes / seconds)
            self._window_begun_seconds, self._window_bytes = keyframe.position_seconds, 0
        self.verdict = self._judge()

    def _judge(self) -> GateVerdict:
        mean = sum(self._windows) / len(self._windows) if self._windows else 0.0
        square = sum((window - mean) ** 2 for window in self._windows) / max(1, len(self._windows))
        variation = square**0.5 / mean if mean else 0.0
        gops = sorted(gop.median_bytes for gop in self._gops)
        quiet_share = gops[len(gops) // 5] / median(self._keyframe_bytes) if gops else 0.0
        distances = [after - before for before, after in pairwise(self._keyframe_seconds)]
        seen_seconds = self._position_seconds - (self._begun_seconds or 0.0)
        reason: GateReason = "informative"
        if seen_seconds < LEARNING_SECONDS or len(self._windows) < 3:
            reason = "learning"
        elif variation < STEADY_VARIATION and quiet_share > HELD_SHARE_MIN:
            reason = "held_bitrate"
        elif quiet_share > QUIET_SHARE_MAX:
            reason = "noisy"
        longest = max(distances, default=None)
        return GateVerdict(reason == "informative", reason, variation, quiet_share, longest, self._qp)
