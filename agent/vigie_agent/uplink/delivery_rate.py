"""How fast a link really is: delivery-rate samples (draft-cheng-iccrg-delivery-rate-estimation-02), the highest of a
window (BBR's bottleneck bandwidth, draft-ietf-ccwg-bbr §4.1.1), and the shortest round trip. Sans I/O.

A sample is what was confirmed between the sending of an item and its confirmation, over the longer of the two times in
which that much was sent and confirmed. Where the sender had nothing more to send, it says only that the link is at
least so fast.
"""

from collections import deque
from dataclasses import dataclass
from typing import Final

RATE_WINDOW_SECONDS: Final = 10.0
RECENT_SECONDS: Final = 3.0
ROUND_TRIP_WINDOW_SECONDS: Final = 60.0
GROWTH: Final = 1.25
STARTUP_ROUNDS: Final = 3
STARTUP_GAIN: Final = 2.0
PROBE_GAINS: Final = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
PROBE_SECONDS_MIN: Final = 0.5
QUEUE_SECONDS: Final = 0.7
"""A round trip that is longer than the shortest by this means that a queue stands somewhere: let it drain."""


@dataclass(slots=True)
class Sent:
    """Bytes on their way, and what was known when they left."""

    size: int
    at: float
    delivered: int
    delivered_at: float
    first_sent_at: float
    is_app_limited: bool
    is_over: bool = False


class DeliveryRate:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self.in_flight_bytes = 0
        self._delivered = 0
        self._delivered_at = self._first_sent_at = 0.0
        self._app_limited_until = 0
        self._rates: deque[tuple[float, float]] = deque()
        self._round_trips: deque[tuple[float, float]] = deque()
        self._last_round_trip: float | None = None
        self._round_end = 0
        self._full_rate = 0.0
        self._flat_rounds = 0

    @property
    def bytes_per_second(self) -> float | None:
        """The highest sample of the last `RATE_WINDOW_SECONDS`; None before there is one."""
        return self._rates[0][1] if self._rates else None

    @property
    def round_trip_seconds(self) -> float | None:
        """The shortest of the last minute."""
        return self._round_trips[0][1] if self._round_trips else None

    @property
    def is_queueing(self) -> bool:
        """Whether what is sent waits somewhere on the way."""
        shortest = self.round_trip_seconds
        return (
            self._last_round_trip is not None
            and shortest is not None
            and self._last_round_trip > shortest + QUEUE_SECONDS
        )

    @property
    def is_starting(self) -> bool:
        """Whether the link still proves faster with each round."""
        return self._flat_rounds < STARTUP_ROUNDS

    def recent_bytes_per_second(self, now_seconds: float) -> float | None:
        """The highest sample of the last `RECENT_SECONDS`, else the lowest that is still remembered."""
        recent = [rate for at, rate in self._rates if at >= now_seconds - RECENT_SECONDS]
        return max(recent) if recent else self._rates[-1][1] if self._rates else None

    def gain(self, now_seconds: float) -> float:
        """By how much to send faster or slower than measured: to find out whether there is more, and to make up."""
        if self.is_queueing:
            return PROBE_GAINS[1]
        if self.is_starting:
            return STARTUP_GAIN
        phase_seconds = max(PROBE_SECONDS_MIN, self.round_trip_seconds or 0.0)
        return PROBE_GAINS[int(now_seconds / phase_seconds) % len(PROBE_GAINS)]

    def send(self, size: int, now_seconds: float) -> Sent:
        """`size` bytes leave now."""
        if self.in_flight_bytes == 0:
            self._first_sent_at = self._delivered_at = now_seconds
        self.in_flight_bytes += size
        is_limited = self._app_limited_until > self._delivered
        return Sent(size, now_seconds, self._delivered, self._delivered_at, self._first_sent_at, is_limited)

    def run_dry(self) -> None:
        """Nothing more waits: what is on its way tells less than the link can do."""
        self._app_limited_until = self._delivered + max(1, self.in_flight_bytes)

    def land(self, sent: Sent, now_seconds: float) -> None:
        """The other side confirms `sent`."""
        if sent.is_over:
            return
        sent.is_over = True
        self.in_flight_bytes -= sent.size
        self._delivered += sent.size
        self._delivered_at, self._first_sent_at = now_seconds, sent.at
        self._last_round_trip = now_seconds - sent.at
        _keep_least(self._round_trips, now_seconds, self._last_round_trip)
        seconds = max(sent.at - sent.first_sent_at, now_seconds - sent.delivered_at)
        if seconds <= 0:
            return
        rate = (self._delivered - sent.delivered) / seconds
        if not sent.is_app_limited or rate >= (self.bytes_per_second or 0.0):
            self._keep_rate(now_seconds, rate)
        if sent.delivered >= self._round_end:
            self._end_round(sent.is_app_limited)

    def lose(self, sent: Sent) -> None:
        """`sent` will not arrive, or nobody will say so."""
        if not sent.is_over:
            sent.is_over = True
            self.in_flight_bytes -= sent.size

    def _keep_rate(self, now_seconds: float, rate: float) -> None:
        while self._rates and self._rates[-1][1] <= rate:
            self._rates.pop()
        self._rates.append((now_seconds, rate))
        while self._rates[0][0] < now_seconds - RATE_WINDOW_SECONDS:
            self._rates.popleft()

    def _end_round(self, is_app_limited: bool) -> None:
        """BBR's full-pipe check: three rounds that bring less than a quarter more."""
        self._round_end = self._delivered + self.in_flight_bytes
        rate = self.bytes_per_second or 0.0
        if rate >= self._full_rate * GROWTH:
            self._full_rate, self._flat_rounds = rate, 0
        elif not is_app_limited:
            self._flat_rounds += 1
            if self._flat_rounds >= STARTUP_ROUNDS:
                self._full_rate = rate


def _keep_least(window: deque[tuple[float, float]], now_seconds: float, value: float) -> None:
    while window and window[-1][1] >= value:
        window.pop()
    window.append((now_seconds, value))
    while window[0][0] < now_seconds - ROUND_TRIP_WINDOW_SECONDS:
        window.popleft()
