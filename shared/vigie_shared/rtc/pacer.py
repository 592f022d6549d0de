"""How fast RTP packets may leave, without I/O: aiortc sends a keyframe of 120 kB as one burst into whatever queue the
link has, and most of it is lost where that queue holds 60 kB.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

SHARE: Final = 0.9
"""Of the estimated rate; the rest is for repairs and for what shares the link."""
BROWSER_SHARE: Final = 2.5
"""Of what a browser estimates: where nothing is late that is one and a half times what it gets, whatever the link
carries. Paced to 0.9 of it, each keyframe would be late. Browsers themselves pace so.
"""
PACKET_OVERHEAD_BYTES: Final = 64
"""IP, UDP, RTP, its header extensions, and SRTP's tag."""
_BITS_PER_SECOND_MIN: Final = 50_000
_BURST_SECONDS: Final = 0.04
"""What may leave at once: an ordinary frame where the link suffices, two or three packets where it is starved."""
_BURST_BYTES_MIN: Final = 2_400
_BURST_BYTES_MAX: Final = 32_000
_REPAIR_SECONDS_MAX: Final = 0.25


class Slice(NamedTuple):
    """Packets of one frame that may leave now."""

    payloads: Sequence[bytes]
    bytes: int
    timestamp: int
    ends_frame: bool


@dataclass(slots=True)
class _Frame:
    payloads: Sequence[bytes]
    timestamp: int
    bytes: int
    next: int = 0


class Pacer:
    """A queue of frames that drains at 0.9 × the estimated rate. Without an estimate nothing waits.

    What has waited for `queue_seconds_max` is no live picture any more: frames are then dropped up to the next
    keyframe, and a keyframe drops what waits before it.
    """

    def __init__(
        self,
        estimate_bits_per_second: float | None = None,
        *,
        share: float = SHARE,
        queue_seconds_max: float = 2.0,
    ) -> None:
        self._frames: deque[_Frame] = deque()
        self._queue_seconds_max = queue_seconds_max
        self._share = share
        self._rate = 0.0
        self._burst_bytes = 0.0
        self._credit_bytes = 0
        self._owed_bytes = 0.0
        self._owed_at = 0.0
        self._skipping = False
        self.is_held = False
        """Nothing leaves but what `allow_burst` lets; what waits for that is not late."""
        self.queue_bytes = 0
        self.set_estimate(estimate_bits_per_second)

    def set_estimate(self, bits_per_second: float | None) -> None:
        """What the link carries; None where it is not known, or more than can be sent."""
        self._rate = 0.0 if bits_per_second is None else self._share * max(bits_per_second, _BITS_PER_SECOND_MIN) / 8
        self._burst_bytes = min(max(self._rate * _BURST_SECONDS, _BURST_BYTES_MIN), _BURST_BYTES_MAX)

    def allow_burst(self, bytes_: int) -> None:
        """Let this much leave unpaced, once: the first group of pictures, on a link that is known to be fast."""
        self._credit_bytes = bytes_

    @property
    def queue_seconds(self) -> float:
        """How long the last packet queued will wait."""
        return self.queue_bytes / self._rate if self._rate and not self.is_held else 0.0

    def pass_at_once(self, payloads: Sequence[bytes], now_seconds: float) -> int | None:
        """How many bytes the frame has, where nothing waits and all of it may leave now, as mostly; else None, and it
        must be pushed.
        """
        if self._frames or self._skipping or self._credit_bytes > 0 or self.is_held:
            return None
        bytes_ = sum(map(len, payloads))
        if self._rate:
            self._settle(now_seconds)
            owed = self._owed_bytes + bytes_ + PACKET_OVERHEAD_BYTES * len(payloads)
            if owed >= self._burst_bytes:
                return None
            self._owed_bytes = owed
        return bytes_

    def push(self, payloads: Sequence[bytes], timestamp: int, is_keyframe: bool) -> int:
        """Queue a frame; says how many frames were dropped, this one or those before it."""
        late = self.queue_seconds > self._queue_seconds_max
        dropped = 0
        if is_keyframe:
            self._skipping = False
            dropped = self._drop_unbegun() if late else 0
        elif late or self._skipping:
            self._skipping = True
            return 1
        frame = _Frame(payloads, timestamp, sum(map(len, payloads)) + PACKET_OVERHEAD_BYTES * len(payloads))
        self._frames.append(frame)
        self.queue_bytes += frame.bytes
        return dropped

    def take(self, now_seconds: float) -> list[Slice]:
        """What may leave now, in order."""
        slices = []
        self._settle(now_seconds)
        while self._frames and (self._credit_bytes > 0 or self._may_leave):
            frame = self._frames[0]
            begin, bytes_ = frame.next, frame.bytes
            self._spend(frame)
            ends = frame.next == len(frame.payloads)
            payloads = frame.payloads if ends and begin == 0 else frame.payloads[begin : frame.next]
            bytes_ -= frame.bytes + PACKET_OVERHEAD_BYTES * len(payloads)
            slices.append(Slice(payloads, bytes_, frame.timestamp, ends))
            if ends:
                self._frames.popleft()
        return slices

    def wait_seconds(self) -> float | None:
        """How long after the last `take` it is worth taking again; None where nothing waits."""
        if not self._frames or self.is_held:
            return None
        return max((self._owed_bytes - self._burst_bytes / 2) / self._rate, 0.001) if self._rate else 0.0

    def may_repeat(self, bytes_: int, now_seconds: float) -> bool:
        """Whether a lost packet may be sent again now, ahead of the queue; counts it if so."""
        self._settle(now_seconds)
        if self._rate and self._owed_bytes > self._burst_bytes + self._rate * _REPAIR_SECONDS_MAX:
            return False
        self._owed_bytes += bytes_ + PACKET_OVERHEAD_BYTES
        return True

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()
        self.queue_bytes = 0

    @property
    def _may_leave(self) -> bool:
        """Whether a packet may, beside what `allow_burst` lets."""
        return not self.is_held and (not self._rate or self._owed_bytes < self._burst_bytes)

    def _spend(self, frame: _Frame) -> None:
        if not self._rate and not self.is_held:
            frame.next = len(frame.payloads)
            self.queue_bytes -= frame.bytes
            frame.bytes = 0
            return
        while frame.next < len(frame.payloads):
            if self._credit_bytes <= 0 and not self._may_leave:
                return
            bytes_ = len(frame.payloads[frame.next]) + PACKET_OVERHEAD_BYTES
            frame.next += 1
            frame.bytes -= bytes_
            self.queue_bytes -= bytes_
            if self._credit_bytes > 0:
                self._credit_bytes -= bytes_
            else:
                self._owed_bytes += bytes_

    def _settle(self, now_seconds: float) -> None:
        self._owed_bytes = (
            max(0.0, self._owed_bytes - self._rate * (now_seconds - self._owed_at)) if self._rate else 0.0
        )
        self._owed_at = now_seconds

    def _drop_unbegun(self) -> int:
        unbegun = [frame for frame in self._frames if frame.next == 0]
        for frame in unbegun:
            self._frames.remove(frame)
            self.queue_bytes -= frame.bytes
        return len(unbegun)
