"""What is on its way, what has arrived, and what must be taken for lost: RFC 8985 (RACK-TLP) for SCTP. Sans I/O.

A packet is lost when one that left later has arrived and a quarter of the shortest round trip has passed besides, so
neither reordering nor a repair that overtakes its original counts as loss. A silent tail is probed after two round
trips, before the timer that takes everything for lost.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

RTO_FIRST_SECONDS: Final = 1.0
ACKNOWLEDGEMENT_SECONDS_MAX: Final = 0.2
"""For so long the other side may hold one back (RFC 9260 §6.2)."""
RTO_SLACK_SECONDS_MIN: Final = 0.25
"""Above the smoothed round trip."""
RTO_SECONDS_MAX: Final = 3.0
"""One packet each three seconds harms nobody, and a link that comes back is found soon."""
REORDER_SHARE: Final = 0.25
REORDER_SHARE_MAX: Final = 1.0
REORDER_SECONDS_MIN: Final = 0.001
PROBE_ROUND_TRIPS: Final = 2.0


class State(Enum):
    """Of a transmission."""

    FLYING = auto()
    ARRIVED = auto()
    LOST = auto()


@dataclass(slots=True, eq=False)
class Sent:
    """One transmission of one packet, and what was known when it left (for `congestion_model`)."""

    number: int
    size: int
    at: float
    serial: int
    is_repeat: bool
    state: State = State.FLYING
    delivered: int = 0
    delivered_at: float = 0.0
    first_sent_at: float = 0.0
    is_app_limited: bool = False


@dataclass(frozen=True, slots=True)
class Expiry:
    """What a timer brought: packets lost, or a number to send again as a probe, or that nothing comes back at all."""

    lost: list[Sent]
    wants_probe: bool = False
    is_timeout: bool = False


class RoundTrips:
    """Smoothed and shortest round trip (RFC 9260 §6.3.1; the shortest of a window as in BBR)."""

    def __init__(self) -> None:
        self.smoothed: float | None = None
        self.shortest = float("inf")
        """Of all: a bound for what can have come back at all."""
        self._variation = 0.0

    @property
    def timeout_seconds(self) -> float:
        """RTO, without back-off."""
        if self.smoothed is None:
            return RTO_FIRST_SECONDS
        return min(self.smoothed + max(RTO_SLACK_SECONDS_MIN, 4 * self._variation), RTO_SECONDS_MAX)

    def take(self, seconds: float) -> None:
        """A measured round trip of a packet that left once."""
        self.shortest = min(self.shortest, seconds)
        if self.smoothed is None:
            self.smoothed, self._variation = seconds, seconds / 2
            return
        self._variation += (abs(self.smoothed - seconds) - self._variation) / 4
        self.smoothed += (seconds - self.smoothed) / 8


class Losses:
    """Packets are numbered without gaps from 0 in the order of their first sending; times are monotonic seconds."""

    def __init__(self) -> None:
        self.round_trips = RoundTrips()
        self.in_flight_bytes = 0
        self.in_flight_packets = 0
        self._newest: dict[int, Sent] = {}
        """The last transmission of each packet that has not arrived."""
        self._flying: deque[Sent] = deque()
        """Transmissions in their order; those that no longer fly leave when they are at the head."""
        self._serial = 0
        self._next = 0
        self._cumulative = -1
        self._runs: dict[int, int] = {}
        self._latest_serial = -1
        self._latest_round_trip = 0.0
        self._reorder_share = REORDER_SHARE
        self._reorder_at: float | None = None
        self._quiet_since = 0.0
        self._heard_at = 0.0
        self._probed = False
        self._probed_number = -1
        self._timeouts = 0

    @property
    def highest(self) -> int:
        """The number of the last packet sent; -1 before the first."""
        return self._next - 1

    @property
    def timeouts(self) -> int:
        """How many times in a row nothing came back."""
        return self._timeouts

    def is_lost(self, number: int) -> bool:
        """Whether the packet still needs a repair."""
        sent = self._newest.get(number)
        return sent is not None and sent.state is State.LOST

    def has_arrived(self, number: int) -> bool:
        """Whether the other side has named it."""
        return number < self._next and number not in self._newest

    def send(self, number: int, size: int, now: float) -> Sent:
        """The packet leaves, for the first time or again."""
        before = self._newest.get(number)
        if before is not None:
            self._land(before, State.LOST)
        sent = Sent(number, size, now, self._serial, number < self._next)
        self._serial += 1
        self._next = max(self._next, number + 1)
        self._newest[number] = sent
        self._flying.append(sent)
        if self.in_flight_packets == 0:
            self._heard_at = now
        self.in_flight_packets += 1
        self.in_flight_bytes += size
        self._quiet_since = now
        return sent

    def probe(self, number: int, size: int, now: float) -> Sent:
        """The packet leaves to make the other side speak."""
        self._probed_number = number
        return self.send(number, size, now)

    def reclaim(self, number: int, size: int, now: float) -> None:
        """The other side named this packet, but may have dropped it since (RFC 9260 §6.2): it counts as lost."""
        if self._cumulative < number < self._next and number not in self._newest:
            self._newest[number] = Sent(number, size, now, -1, is_repeat=True, state=State.LOST)
            self._runs.clear()

    def forget(self, number: int) -> None:
        """Nobody waits for this packet any more."""
        if (sent := self._newest.pop(number, None)) is not None:
            self._land(sent, State.LOST)

    def acknowledge(self, cumulative: int, gaps: Iterable[tuple[int, int]], now: float) -> list[Sent]:
        """All up to `cumulative` has arrived, and the runs beyond it: what is news. Ask `find_lost` next."""
        arrived: list[Sent] = []
        for number in range(self._cumulative + 1, min(cumulative, self.highest) + 1):
            self._arrive(number, arrived)
        self._cumulative = max(self._cumulative, min(cumulative, self.highest))
        runs: dict[int, int] = {}
        for first, last in gaps:
            last = min(last, self.highest)
            for number in range(max(self._runs.get(first, first - 1), self._cumulative) + 1, last + 1):
                self._arrive(number, arrived)
            runs[first] = last
        self._runs = runs
        if arrived:
            self._learn(arrived, now)
        return arrived

    def doubt(self, number: int) -> None:
        """The other side got this packet twice: unless it was a probe, what was taken for lost was late."""
        if number != self._probed_number:
            self._reorder_share = min(self._reorder_share * 2, REORDER_SHARE_MAX)

    def find_lost(self, now: float) -> list[Sent]:
        """What must be sent again, by what has arrived and the time."""
        lost: list[Sent] = []
        self._reorder_at = None
        wait = self._latest_round_trip + self._reorder_seconds()
        while self._flying:
            sent = self._flying[0]
            if sent.state is State.FLYING:
                if sent.serial > self._latest_serial:
                    break
                if sent.at + wait > now:
                    self._reorder_at = sent.at + wait
                    break
                self._land(sent, State.LOST)
                lost.append(sent)
            self._flying.popleft()
        return lost

    def next_at(self) -> float | None:
        """When to call `expire`; None while nothing is on its way."""
        if self.in_flight_packets == 0:
            return None
        moments = [self._heard_at + self._timeout_seconds()]
        if self._reorder_at is not None:
            moments.append(self._reorder_at)
        if (probe_at := self._probe_at()) is not None:
            moments.append(probe_at)
        return min(moments)

    def expire(self, now: float) -> Expiry:
        """A moment named by `next_at` may have come."""
        if self.in_flight_packets == 0:
            return Expiry([])
        if self._reorder_at is not None and self._reorder_at <= now:
            return Expiry(self.find_lost(now))
        probe_at = self._probe_at()
        if probe_at is not None and probe_at <= now:
            self._probed = True
            self._heard_at = now
            return Expiry([], wants_probe=True)
        if self._heard_at + self._timeout_seconds() <= now:
            return Expiry(self._give_up(now), is_timeout=True)
        return Expiry([])

    def _give_up(self, now: float) -> list[Sent]:
        self._timeouts += 1
        self._heard_at = now
        self._reorder_at = None
        lost = [sent for sent in self._flying if sent.state is State.FLYING]
        for sent in lost:
            self._land(sent, State.LOST)
        self._flying.clear()
        return sorted(lost, key=lambda sent: sent.number)

    def _timeout_seconds(self) -> float:
        return float(min(self.round_trips.timeout_seconds * 2**self._timeouts, RTO_SECONDS_MAX))

    def _probe_at(self) -> float | None:
        """RFC 8985 §7.2: two round trips, and where one packet is alone the longest delay of its acknowledgement."""
        if self._probed or self._timeouts or self.round_trips.smoothed is None:
            return None
        wait = PROBE_ROUND_TRIPS * self.round_trips.smoothed + REORDER_SECONDS_MIN
        if self.in_flight_packets == 1:
            wait += ACKNOWLEDGEMENT_SECONDS_MAX
        return min(self._quiet_since + wait, self._heard_at + self._timeout_seconds())

    def _reorder_seconds(self) -> float:
        shortest = self.round_trips.shortest
        return max(self._reorder_share * shortest, REORDER_SECONDS_MIN) if shortest < float("inf") else 0.0

    def _arrive(self, number: int, arrived: list[Sent]) -> None:
        sent = self._newest.pop(number, None)
        if sent is not None:
            self._land(sent, State.ARRIVED)
            arrived.append(sent)

    def _land(self, sent: Sent, state: State) -> None:
        if sent.state is State.FLYING:
            self.in_flight_packets -= 1
            self.in_flight_bytes -= sent.size
        sent.state = state

    def _learn(self, arrived: list[Sent], now: float) -> None:
        self._heard_at = self._quiet_since = now
        self._probed = False
        self._timeouts = 0
        once = [sent for sent in arrived if not sent.is_repeat]
        if once:
            self.round_trips.take(now - max(sent.at for sent in once))
        for sent in arrived:
            round_trip = now - sent.at
            if sent.is_repeat and round_trip < self.round_trips.shortest:
                continue  # it was the original that arrived (RFC 8985 §6.2 step 2)
            if sent.serial > self._latest_serial:
                self._latest_serial, self._latest_round_trip = sent.serial, round_trip
