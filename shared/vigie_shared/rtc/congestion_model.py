"""A model of the path: how fast its narrowest part is and how long an empty one takes. Sans I/O.

After BBR (draft-ietf-ccwg-bbr) with delivery-rate samples (draft-cheng-iccrg-delivery-rate-estimation-02): the rate is
the highest of the last rounds, the round trip the shortest of ten seconds; from both follow how fast packets may leave
and how many may be on their way. Loss alone slows nothing down: on a radio link it does not mean a full queue.

Where it differs: the start ends as soon as a whole round took longer than the shortest round trip (a queue stands; a
small one must not be overrun), and a probe that finds more goes on probing.
"""

from collections import deque
from enum import Enum, auto
from typing import Final

from vigie_shared.rtc.congestion_losses import Sent

PACKET_BYTES: Final = 1253
"""A full one on the wire: 1160 of data, 28 of SCTP, 37 of DTLS, 28 of UDP and IPv4."""
WINDOW_FIRST_BYTES: Final = 10 * PACKET_BYTES
WINDOW_BYTES_MIN: Final = 4 * PACKET_BYTES
WINDOW_SLACK_BYTES: Final = 3 * PACKET_BYTES
WINDOW_STALLED_BYTES: Final = 2 * PACKET_BYTES

START_GAIN: Final = 2.77
START_WINDOW_GAIN: Final = 2.0
START_GROWTH: Final = 1.25
START_ROUNDS: Final = 3
QUEUE_SHARE: Final = 0.25
QUEUE_SECONDS_MIN: Final = 0.008
QUEUE_SAMPLES_MIN: Final = 8
DRAIN_GAIN: Final = 0.36
PROBE_GAINS: Final = (1.0, 1.0, 1.0, 1.25, 0.75, 1.0, 1.0, 1.0)
PROBE_UP, PROBE_DOWN = 3, 4
PROBE_GROWTH: Final = 1.12
WINDOW_GAIN: Final = 1.75
PACE_SHARE: Final = 0.99

RATE_ROUNDS: Final = 10
RATE_SECONDS: Final = 2.0
SHORTEST_SECONDS: Final = 10.0
SHORTEST_PROBE_SECONDS: Final = 0.2
ROUND_TRIP_SECONDS_MIN: Final = 0.01
"""What an event loop cannot see: shorter round trips are taken for this one where packets in flight are counted."""


class Phase(Enum):
    """STARTING doubles; DRAINING empties the queue which that made; PROBING cycles; IDLING measures an empty path."""

    STARTING = auto()
    DRAINING = auto()
    PROBING = auto()
    IDLING = auto()


class PathModel:
    """Fed by each packet that leaves, arrives or is lost; says `rate` and `window_bytes`."""

    def __init__(self) -> None:
        self.phase = Phase.STARTING
        self.shortest_seconds = float("inf")
        self.delivered = 0
        self.round = 0
        self._delivered_at = self._first_sent_at = 0.0
        self._app_limited_until = 0
        self._rates: deque[tuple[float, int, float]] = deque()
        self._shortest_at = 0.0
        self._round_end = 0
        self._round_shortest = float("inf")
        self._round_samples = 0
        self._round_is_limited = False
        self._full_rate = 0.0
        self._flat_rounds = 0
        self._step = 0
        self._step_at = 0.0
        self._step_rate = 0.0
        self._idle_until: float | None = None
        self._is_stalled = False

    @property
    def rate(self) -> float | None:
        """Bytes a second that the path carries; None before anything arrived."""
        return self._rates[0][0] if self._rates else None

    @property
    def pace(self) -> float | None:
        """Bytes a second at which to send now; None: no limit but the window."""
        return None if self.rate is None else self.rate * self._gain()

    @property
    def window_bytes(self) -> float:
        """How much may be on its way."""
        if self._is_stalled:
            return WINDOW_STALLED_BYTES
        if self.rate is None:
            return WINDOW_FIRST_BYTES
        fill = self._fill_bytes()
        if self.phase is Phase.STARTING:
            return max(START_WINDOW_GAIN * fill + WINDOW_SLACK_BYTES, WINDOW_FIRST_BYTES)
        gain = 0.5 if self.phase is Phase.IDLING else WINDOW_GAIN
        return max(gain * fill + WINDOW_SLACK_BYTES, WINDOW_BYTES_MIN)

    def send(self, sent: Sent, in_flight_bytes: int) -> None:
        """`sent` leaves; so much was on its way before."""
        if in_flight_bytes == 0:
            self._first_sent_at = self._delivered_at = sent.at
        sent.delivered, sent.delivered_at = self.delivered, self._delivered_at
        sent.first_sent_at = self._first_sent_at
        sent.is_app_limited = self._app_limited_until > self.delivered

    def run_dry(self, in_flight_bytes: int) -> None:
        """Nothing waits to be sent: what is on its way tells less than the path can do."""
        self._app_limited_until = self.delivered + max(1, in_flight_bytes)

    def arrive(self, arrived: list[Sent], in_flight_bytes: int, now: float) -> None:
        """One acknowledgement brought these."""
        self._is_stalled = False
        for sent in arrived:
            self.delivered += sent.size
        self._delivered_at = now
        latest = max(arrived, key=lambda sent: (sent.delivered, sent.at))
        self._first_sent_at = latest.at
        self._time_round_trips(arrived, now)
        if latest.delivered >= self._round_end:
            self._begin_round(in_flight_bytes)
        self._round_is_limited |= latest.is_app_limited
        self._sample(latest, now)
        self._advance(in_flight_bytes, now)

    def stall(self) -> None:
        """Nothing came back for a whole timeout: feel the way until something does."""
        self._is_stalled = True

    def _fill_bytes(self) -> float:
        return (self.rate or 0.0) * max(self.shortest_seconds, ROUND_TRIP_SECONDS_MIN)

    def _gain(self) -> float:
        if self.phase is Phase.STARTING:
            return START_GAIN
        if self.phase is Phase.DRAINING:
            return DRAIN_GAIN
        return PACE_SHARE * (PROBE_GAINS[self._step] if self.phase is Phase.PROBING else 1.0)

    def _sample(self, sent: Sent, now: float) -> None:
        seconds = max(sent.at - sent.first_sent_at, now - sent.delivered_at)
        if seconds < self.shortest_seconds or seconds <= 0:
            return  # acknowledgements came in a heap
        rate = (self.delivered - sent.delivered) / seconds
        if sent.is_app_limited and rate < (self.rate or 0.0):
            return
        while self._rates and self._rates[-1][0] <= rate:
            self._rates.pop()
        self._rates.append((rate, self.round, now))
        while self._rates[0][1] < self.round - RATE_ROUNDS and self._rates[0][2] < now - RATE_SECONDS:
            self._rates.popleft()

    def _time_round_trips(self, arrived: list[Sent], now: float) -> None:
        once = [now - sent.at for sent in arrived if not sent.is_repeat]
        if not once:
            return
        shortest = min(once)
        self._round_shortest = min(self._round_shortest, shortest)
        self._round_samples += 1
        if shortest <= self.shortest_seconds:
            self.shortest_seconds, self._shortest_at = shortest, now

    def _begin_round(self, in_flight_bytes: int) -> None:
        if self.phase is Phase.STARTING:
            self._judge_start()
        self.round += 1
        self._round_end = self.delivered + in_flight_bytes
        self._round_shortest, self._round_samples, self._round_is_limited = float("inf"), 0, False

    def _judge_start(self) -> None:
        """Full when rounds bring no more, or when a whole one waited in a queue."""
        rate = self.rate or 0.0
        if rate >= self._full_rate * START_GROWTH:
            self._full_rate, self._flat_rounds = rate, 0
        elif not self._round_is_limited:
            self._flat_rounds += 1
        queue_seconds = max(QUEUE_SHARE * self.shortest_seconds, QUEUE_SECONDS_MIN)
        is_queueing = (
            self._round_samples >= QUEUE_SAMPLES_MIN and self._round_shortest > self.shortest_seconds + queue_seconds
        )
        if self._flat_rounds >= START_ROUNDS or is_queueing:
            self.phase = Phase.DRAINING

    def _advance(self, in_flight_bytes: int, now: float) -> None:
        if self.phase is Phase.DRAINING and in_flight_bytes <= self._fill_bytes():
            self._probe(now)
        elif self.phase is Phase.PROBING:
            self._advance_probe(in_flight_bytes, now)
        if self.phase is Phase.PROBING and now > self._shortest_at + SHORTEST_SECONDS:
            self.phase, self._idle_until = Phase.IDLING, None
        if self.phase is Phase.IDLING:
            self._advance_idling(in_flight_bytes, now)

    def _probe(self, now: float) -> None:
        self.phase = Phase.PROBING
        self._step, self._step_at = 0, now

    def _advance_probe(self, in_flight_bytes: int, now: float) -> None:
        fill = self._fill_bytes()
        if self._step == PROBE_DOWN and in_flight_bytes <= fill:
            self._next_step(now)
        if now - self._step_at < max(self.shortest_seconds, ROUND_TRIP_SECONDS_MIN):
            return
        if self._step == PROBE_UP:
            rate = self.rate or 0.0
            if rate > self._step_rate * PROBE_GROWTH:
                self._step_at, self._step_rate = now, rate
                return
            if in_flight_bytes < 1.2 * fill and now - self._step_at < 2 * self.shortest_seconds:
                return
        self._next_step(now)

    def _next_step(self, now: float) -> None:
        self._step = (self._step + 1) % len(PROBE_GAINS)
        self._step_at, self._step_rate = now, self.rate or 0.0

    def _advance_idling(self, in_flight_bytes: int, now: float) -> None:
        if self._idle_until is None:
            if in_flight_bytes <= max(0.5 * self._fill_bytes() + WINDOW_SLACK_BYTES, WINDOW_BYTES_MIN):
                self._idle_until = now + max(SHORTEST_PROBE_SECONDS, self.shortest_seconds)
                self.shortest_seconds = float("inf")
        elif now >= self._idle_until and self.shortest_seconds < float("inf"):
            self._probe(now)
