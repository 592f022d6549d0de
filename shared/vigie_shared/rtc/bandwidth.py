"""What the link from a sender carries, as its receiver sees it, without I/O.

aiortc's estimator looks at how delays change from packet to packet. A busy processor changes them too: on loopback it
asked for half of what came through, twenty times a second. This one looks at how long packets must wait at least: where
even the quickest of the last moments is late there is a queue, and then what arrives is what the link carries.
"""

from collections import deque
from typing import Final, NamedTuple

START_BITS_PER_SECOND: Final = 30_000_000
"""Said where nothing was ever late."""
_BITS_PER_SECOND_MIN: Final = 30_000
_MOMENT_SECONDS: Final = 0.2
_FIRST_MOMENT_SECONDS: Final = 0.05
_FIRST_SECONDS: Final = 0.6
"""What a stream begins with leaves at once: on a narrow link it comes later and later, which shows within 0.2 s."""
_RATE_PACKETS: Final = 16
_RATE_SECONDS: Final = 1.0
"""A rate is that of so many packets: of eight pictures a second, a moment has one or two."""
_MOMENTS_BASE: Final = 100
_LATE_SECONDS: Final = 0.06
_CONGESTED_SHARE: Final = 0.95
_DRAINING_SHARE: Final = 0.8
_GROWTH_A_SECOND: Final = 0.25
_FALL_SHARE: Final = 0.97
_WRAP: Final = 1 << 24
_TICKS_PER_SECOND: Final = 1 << 18


class _Moment(NamedTuple):
    seconds: float
    bytes: int
    packets: int


class BandwidthEstimator:
    """`feed` it every packet; a fall is to be said at once, the rest in the regular reports."""

    def __init__(self) -> None:
        self.bits_per_second = START_BITS_PER_SECOND
        self.late_seconds = 0.0
        self._is_late = False
        self._sent_last: int | None = None
        self._sent_seconds = 0.0
        self._began: float | None = None
        self._moment_began = self._came_last = 0.0
        self._moment_bytes = self._moment_packets = 0
        self._moments: deque[_Moment] = deque(maxlen=_RATE_PACKETS)
        self._moment_delay = float("inf")
        self._quickest: list[float] = []
        """The smallest delay of each of the last moments; only their differences mean something."""
        self._said = self.bits_per_second

    def feed(self, abs_send_time: int, bytes_: int, now_seconds: float) -> bool:
        """A packet that left at `abs_send_time` (24 bits, 2^18 a second) came now. Whether the estimate fell by it."""
        if self._began is None:
            self._began = self._moment_began = now_seconds
            bytes_ = 0  # they came before time began
        is_first = now_seconds - self._began < _FIRST_SECONDS
        enough_seconds = _FIRST_MOMENT_SECONDS if is_first else _MOMENT_SECONDS
        if now_seconds - self._moment_began >= enough_seconds:
            self._end_moment(now_seconds, enough_seconds)
        self._came_last = now_seconds
        self._moment_bytes += bytes_
        self._moment_packets += 1
        self._moment_delay = min(self._moment_delay, now_seconds - self._unwrapped(abs_send_time))
        return self.bits_per_second < _FALL_SHARE * self._said

    def say(self) -> int:
        """The estimate, for a report."""
        self._said = self.bits_per_second
        return self._said

    def _unwrapped(self, abs_send_time: int) -> float:
        if self._sent_last is not None:
            ahead = (abs_send_time - self._sent_last + _WRAP // 2) % _WRAP - _WRAP // 2
            self._sent_seconds += ahead / _TICKS_PER_SECOND
        self._sent_last = abs_send_time
        return self._sent_seconds

    def _end_moment(self, now_seconds: float, enough_seconds: float) -> None:
        seconds = now_seconds - self._moment_began
        if seconds > 2 * enough_seconds:  # the pause at its end says nothing
            seconds = max(self._came_last - self._moment_began, enough_seconds)
        self._moments.append(_Moment(seconds, self._moment_bytes, self._moment_packets))
        self._quickest = [*self._quickest[1 - _MOMENTS_BASE :], self._moment_delay]
        self.late_seconds = self._moment_delay - min(self._quickest)
        very_late = self.late_seconds > 4 * _LATE_SECONDS
        was_late, self._is_late = self._is_late, self.late_seconds > _LATE_SECONDS
        if very_late or (was_late and self._is_late):
            share = _DRAINING_SHARE if very_late else _CONGESTED_SHARE
            self.bits_per_second = max(_BITS_PER_SECOND_MIN, min(self.bits_per_second, int(self._rate() * share)))
        elif not self._is_late:
            grown = self.bits_per_second * (1 + _GROWTH_A_SECOND * min(seconds, 1.0))
            self.bits_per_second = min(START_BITS_PER_SECOND, int(grown))
        self._moment_began, self._moment_delay = now_seconds, float("inf")
        self._moment_bytes = self._moment_packets = 0

    def _rate(self) -> float:
        """Bits a second, of late."""
        seconds = bytes_ = packets = 0.0
        for moment in reversed(self._moments):
            seconds, bytes_, packets = seconds + moment.seconds, bytes_ + moment.bytes, packets + moment.packets
            if packets >= _RATE_PACKETS or seconds >= _RATE_SECONDS:
                break
        return 8 * bytes_ / seconds
