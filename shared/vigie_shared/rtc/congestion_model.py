"""A model of the path: how fast its narrowest part is and how long an empty one takes. Sans I/O.

After BBR (draft-ietf-ccwg-bbr) with delivery-rate samples (draft-cheng-iccrg-delivery-rate-estimation-02): the rate is
the highest of the last rounds, the round trip the shortest of ten seconds; from both follow how fast packets may leave
and how many may be on their way. Loss alone slows nothing down: on a radio link it does not mean a full queue.

Where it differs: the start ends as soon as a round brings little more and all of it took longer than the shortest
round trip (a queue stands; a small one must not be overrun); a probe that finds more starts over; and a round that both
waited in a queue and lost something makes the window smaller.
"""

import random
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
START_WINDOW_GAIN: Final = 1.75
START_GROWTH: Final = 1.25
START_ROUNDS: Final = 3
START_LOST_BYTES: Final = 4 * PACKET_BYTES
QUEUE_SHARE: Final = 0.25
QUEUE_SECONDS_MIN: Final = 0.008
QUEUE_SAMPLES_MIN: Final = 8
DRAIN_GAIN: Final = 0.36
PROBE_UP_GAIN: Final = 1.25
PROBE_UP_BYTES: Final = 3 * PACKET_BYTES
"""More in each round trip of a probe, whatever the rate: so a small flow wins from a large one until both are equal."""
PROBE_DOWN_GAIN: Final = 0.75
CRUISE_STEPS_FIRST: Final = 2
CRUISE_STEPS: Final = (4, 8)
"""Between two probes, each a round trip long; drawn, so that flows do not probe in step."""
PROBE_GROWTH: Final = 1.15
WINDOW_GAIN_MAX: Final = 1.75
WINDOW_GAIN_MIN: Final = 1.15
WINDOW_GAIN_RISING: Final = 1.3
WINDOW_GAIN_FALL: Final = 0.9
WINDOW_GAIN_RISE: Final = 0.03
"""A round that waited in a queue and lost something overran that queue: hold less. Other losses count for nothing."""
PACE_SHARE: Final = 0.99

RATE_ROUNDS: Final = 2
RATE_ROUND_TRIPS: Final = 10
RATE_SECONDS_MIN: Final = 2.0
"""A sample of the rate is forgotten when it is both so many rounds and so long past."""
FLOOD_SHARE: Final = 0.25
FLOOD_BYTES_MIN: Final = 8 * PACKET_BYTES
"""Where a round loses as much, the path is slower than it was: older samples say nothing about it."""
SHORTEST_SECONDS: Final = 10.0
SHORTEST_SECONDS_DOUBTED: Final = 4.0
DOUBT_ROUNDS: Final = 8
DOUBT_GROWTH: Final = 1.5
"""When so many rounds took half as long again, the path may have become longer: measure sooner."""
EMPTY_SECONDS: Final = 0.2
STEP_SECONDS_MIN: Final = 0.01
LOOP_SECONDS: Final = 0.04
LOOP_BYTES: Final = 40 * PACKET_BYTES
"""What a busy event loop may take to hear of something, and what a socket surely holds until it does: so much may
always be on its way, and is no queue.
"""


class Phase(Enum):
    """STARTING doubles; DRAINING empties the queue which that made. From then on CRUISING at the rate, now and then
    RISING to find more and FALLING to empty the queue again; EMPTYING to measure a path without one.
    """

    STARTING = auto()
    DRAINING = auto()
    CRUISING = auto()
    RISING = auto()
    FALLING = auto()
    EMPTYING = auto()


_GAINS: Final = {
    Phase.DRAINING: DRAIN_GAIN,
    Phase.CRUISING: PACE_SHARE,
    Phase.RISING: PROBE_UP_GAIN,
    Phase.FALLING: PROBE_DOWN_GAIN,
    Phase.EMPTYING: PACE_SHARE,
}


class PathModel:
    """Fed by each packet that leaves, arrives or is lost; says `rate` and `window_bytes`."""

    def __init__(self, seed: int | None = None) -> None:
        self.phase = Phase.STARTING
        self.shortest_seconds = float("inf")
        self.delivered = 0
        self.round = 0
        self._delivered_at = self._first_sent_at = 0.0
        self._app_limited_until = 0
        self._rates: deque[tuple[float, int, float]] = deque()
        self._shortest_at = 0.0
        self._is_empty_now = False
        self._round_end = 0
        self._round_began = 0
        self._round_at = 0.0
        self._round_lost = 0
        self._round_shortest = float("inf")
        self._round_samples = 0
        self._round_is_limited = False
        self._window_gain = WINDOW_GAIN_MAX
        self._full_rate = 0.0
        self._flat_rounds = 0
        self._random = random.Random(seed)  # noqa: S311
        self._cruise_steps = CRUISE_STEPS[0]
        self._step_at = 0.0
        self._probed_rate = 0.0
        self._is_judged = False
        self._long_rounds = 0
        self._empty_until: float | None = None
        self._empty_shortest = float("inf")
        self._is_stalled = False

    @property
    def rate(self) -> float | None:
        """Bytes a second that the path carries; None before anything arrived."""
        return self._rates[0][0] if self._rates else None

    @property
    def pace(self) -> float | None:
        """Bytes a second at which to send now; None: no limit but the window."""
        if self.rate is None:
            return None
        round_trip_seconds = max(self.shortest_seconds, STEP_SECONDS_MIN)
        if self.phase is Phase.STARTING:
            return START_GAIN * max(self.rate, WINDOW_FIRST_BYTES / round_trip_seconds)
        pace = self.rate * _GAINS[self.phase]
        return pace + PROBE_UP_BYTES / round_trip_seconds if self.phase is Phase.RISING else pace

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
        gain = self._window_gain
        if self.phase is Phase.EMPTYING:
            gain = 0.5
        elif self.phase is Phase.RISING:
            gain = max(gain, WINDOW_GAIN_RISING)
        return max(gain * fill + WINDOW_SLACK_BYTES, WINDOW_BYTES_MIN)

    def send(self, sent: Sent, in_flight_bytes: int) -> None:
        """`sent` leaves; so much was on its way before."""
        if in_flight_bytes == 0:
            self._first_sent_at = self._delivered_at = sent.at
            self._is_empty_now = sent.at > self._shortest_at + SHORTEST_SECONDS
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

    def lose(self, lost: list[Sent]) -> None:
        """These did not arrive."""
        for sent in lost:
            self._round_lost += sent.size

    def stall(self) -> None:
        """Nothing came back for a whole timeout: feel the way until something does."""
        self._is_stalled = True

    def _fill_bytes(self) -> float:
        rate = self.rate or 0.0
        return max(rate * self.shortest_seconds, min(rate * LOOP_SECONDS, LOOP_BYTES))

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
        oldest = now - max(RATE_SECONDS_MIN, RATE_ROUND_TRIPS * self.shortest_seconds)
        while self._rates[0][1] < self.round - RATE_ROUNDS and self._rates[0][2] < oldest:
            self._rates.popleft()

    def _time_round_trips(self, arrived: list[Sent], now: float) -> None:
        once = [now - sent.at for sent in arrived if not sent.is_repeat]
        if not once:
            return
        shortest = min(once)
        self._round_shortest = min(self._round_shortest, shortest)
        self._round_samples += 1
        if shortest <= self.shortest_seconds or self._is_empty_now:
            self._is_empty_now = False
            self.shortest_seconds, self._shortest_at = shortest, now
        if self._empty_until is not None:
            self._empty_shortest = min(self._empty_shortest, shortest)

    def _begin_round(self, in_flight_bytes: int) -> None:
        rate = self.rate or 0.0
        if rate >= self._full_rate * START_GROWTH:
            self._full_rate, self._flat_rounds = rate, 0
        elif not self._round_is_limited:
            self._flat_rounds += 1
        if self._round_lost > max(FLOOD_BYTES_MIN, FLOOD_SHARE * (self.delivered - self._round_began)):
            self._rates = deque(sample for sample in self._rates if sample[1] == self.round) or self._rates
        if self._round_lost and self._is_queueing():
            self._window_gain = max(self._window_gain * WINDOW_GAIN_FALL, WINDOW_GAIN_MIN)
        else:
            self._window_gain = min(self._window_gain + WINDOW_GAIN_RISE, WINDOW_GAIN_MAX)
        self._round_lost, self._round_began = 0, self.delivered
        is_long = self._round_shortest > max(DOUBT_GROWTH * self.shortest_seconds + QUEUE_SECONDS_MIN, LOOP_SECONDS)
        self._long_rounds = self._long_rounds + 1 if is_long else 0
        self.round += 1
        self._round_end, self._round_at = self.delivered + in_flight_bytes, self._delivered_at
        self._round_shortest, self._round_samples, self._round_is_limited = float("inf"), 0, False

    def _is_queueing(self) -> bool:
        """Whether the first packets of this round waited in a queue, all of them (as HyStart++, RFC 9406)."""
        queue_seconds = max(QUEUE_SHARE * self.shortest_seconds, QUEUE_SECONDS_MIN)
        return self._round_samples >= QUEUE_SAMPLES_MIN and self._round_shortest > self.shortest_seconds + queue_seconds

    def _advance(self, in_flight_bytes: int, now: float) -> None:
        if self.phase is Phase.STARTING:
            is_full = self._flat_rounds > 0 or self._round_lost >= START_LOST_BYTES
            if self._flat_rounds >= START_ROUNDS or (is_full and self._is_queueing()):
                self.phase = Phase.DRAINING
        elif self.phase is Phase.DRAINING:
            if in_flight_bytes <= self._fill_bytes():
                self._cruise(now, CRUISE_STEPS_FIRST)
        elif self.phase is Phase.EMPTYING:
            self._advance_emptying(in_flight_bytes, now)
        elif now > self._shortest_at + (
            SHORTEST_SECONDS_DOUBTED if self._long_rounds >= DOUBT_ROUNDS else SHORTEST_SECONDS
        ):
            self.phase, self._empty_until = Phase.EMPTYING, None
        else:
            self._advance_probe(in_flight_bytes, now)

    def _cruise(self, now: float, steps: int | None = None) -> None:
        self.phase, self._step_at = Phase.CRUISING, now
        self._cruise_steps = steps or self._random.randint(*CRUISE_STEPS)
        self._is_judged = False

    def _rise(self, now: float) -> None:
        self.phase, self._step_at = Phase.RISING, now
        self._probed_rate = self.rate or 0.0

    def _advance_probe(self, in_flight_bytes: int, now: float) -> None:
        steps = (now - self._step_at) / max(self.shortest_seconds, STEP_SECONDS_MIN)
        if self.phase is Phase.RISING:
            if steps >= 1:
                self.phase, self._step_at = Phase.FALLING, now
        elif self.phase is Phase.FALLING:
            if steps >= 1 or in_flight_bytes <= self._fill_bytes():
                self._cruise(now)
        elif steps >= 1 and not self._is_judged:
            self._is_judged = True
            self._judge_probe()
        elif steps >= self._cruise_steps:
            self._rise(now)

    def _judge_probe(self) -> None:
        """What was sent faster has come back by now. Where that brought more and no queue, there is still more."""
        rate = self.rate or 0.0
        if self._probed_rate and rate >= self._probed_rate * PROBE_GROWTH and not self._is_queueing():
            self.phase = Phase.STARTING
            self._full_rate, self._flat_rounds = rate, 0

    def _advance_emptying(self, in_flight_bytes: int, now: float) -> None:
        if self._empty_until is None:
            if in_flight_bytes <= max(0.5 * self._fill_bytes() + WINDOW_SLACK_BYTES, WINDOW_BYTES_MIN):
                self._empty_until = now + max(EMPTY_SECONDS, self.shortest_seconds)
                self._empty_shortest = float("inf")
        elif now >= self._empty_until and self._empty_shortest < float("inf"):
            self.shortest_seconds, self._shortest_at = self._empty_shortest, now
            self._cruise(now)
