"""Senders with the congestion controller and receivers that acknowledge, over two emulated lines, in simulated time."""

from collections import deque
from dataclasses import dataclass, field

from tests.links.line import Conditions, Line
from vigie_shared.rtc.congestion_model import PACKET_BYTES
from vigie_shared.rtc.congestion_window import CongestionWindow

SACK_BYTES = 100
FOREVER = 10**9
Said = tuple[int, list[tuple[int, int]], list[int]]
"""Cumulative, gaps, duplicates."""


@dataclass
class Receiver:
    """Acknowledges each `every`-th packet, and out-of-order ones at once, as SCTP does (RFC 9260 §6.2)."""

    every: int = 1
    delay_seconds: float = 0.2
    cumulative: int = -1
    beyond: set[int] = field(default_factory=set)
    duplicates: list[int] = field(default_factory=list)
    unsaid: int = 0
    say_at: float | None = None

    def feed(self, number: int, now: float) -> bool:
        """Whether to acknowledge now."""
        if number <= self.cumulative or number in self.beyond:
            self.duplicates.append(number)
            return True
        self.beyond.add(number)
        while self.cumulative + 1 in self.beyond:
            self.cumulative += 1
            self.beyond.remove(self.cumulative)
        self.unsaid += 1
        if self.unsaid >= self.every or self.beyond:
            return True
        self.say_at = self.say_at or now + self.delay_seconds
        return False

    def say(self) -> Said:
        """What is known here."""
        gaps: list[tuple[int, int]] = []
        for number in sorted(self.beyond):
            if gaps and gaps[-1][1] == number - 1:
                gaps[-1] = (gaps[-1][0], number)
            else:
                gaps.append((number, number))
        duplicates, self.duplicates = self.duplicates, []
        self.unsaid, self.say_at = 0, None
        return self.cumulative, gaps, duplicates


class Flow:
    """One sender and its receiver; `waiting` packets are to be sent."""

    def __init__(self, index: int, receiver: Receiver) -> None:
        self.window = CongestionWindow(seed=index)
        self.receiver = receiver
        self.waiting = 0
        self.sent = self.repeated = 0
        self.wake_at: float | None = None
        self._index = index
        self._repairs: deque[int] = deque()
        self._said: list[Said] = []

    @property
    def received(self) -> int:
        """Packets, each once."""
        return self.receiver.cumulative + 1 + len(self.receiver.beyond)

    def next_at(self) -> float | None:
        """When something is due, apart from the lines."""
        moments = (self.window.next_at(), self.receiver.say_at, self.wake_at)
        return min((at for at in moments if at is not None), default=None)

    def packet_came(self, number: int, back: Line, now: float) -> None:
        """At the receiver."""
        if self.receiver.feed(number, now):
            self._say(back, now)

    def sack_came(self, number: int, now: float) -> None:
        """At the sender."""
        cumulative, gaps, duplicates = self._said[number]
        for duplicate in duplicates:
            self.window.losses.doubt(duplicate)
        _arrived, lost = self.window.acknowledge(cumulative, gaps, 1e6, now)
        self._repairs.extend(sent.number for sent in lost)

    def step(self, forth: Line, back: Line, now: float) -> None:
        """Timers, then what may leave."""
        if self.receiver.say_at is not None and self.receiver.say_at <= now:
            self._say(back, now)
        expiry = self.window.expire(now)
        self._repairs.extend(sent.number for sent in expiry.lost)
        if expiry.wants_probe:
            self._put(self.window.losses.highest, forth, now, is_probe=True)
        self.wake_at = None
        while (wait := self.window.wait_seconds(now)) == 0:
            number = self._next_number()
            if number is None:
                self.window.run_dry()
                return
            self._put(number, forth, now)
        if wait is not None:
            self.wake_at = now + wait

    def _say(self, back: Line, now: float) -> None:
        self._said.append(self.receiver.say())
        back.feed(_packet(self._index, len(self._said) - 1, SACK_BYTES), now)

    def _next_number(self) -> int | None:
        while self._repairs:
            number = self._repairs.popleft()
            if self.window.losses.is_lost(number):
                return number
        if self.waiting == 0:
            return None
        self.waiting -= 1
        return self.window.losses.highest + 1

    def _put(self, number: int, forth: Line, now: float, *, is_probe: bool = False) -> None:
        self.sent += 1
        self.repeated += number <= self.window.losses.highest
        (self.window.probe if is_probe else self.window.send)(number, PACKET_BYTES, now)
        forth.feed(_packet(self._index, number, PACKET_BYTES), now)


class SimulatedPath:
    """All flows go through the same two lines; `run` lets time pass."""

    def __init__(self, forth: Conditions, back: Conditions, seed: int, receivers: list[Receiver]) -> None:
        self.now = 100.0
        self.forth, self.back = Line(forth, seed), Line(back, seed + 1)
        self.flows = [Flow(index, receiver) for index, receiver in enumerate(receivers)]

    def run(self, seconds: float) -> None:
        """Until then."""
        end = self.now + seconds
        self._step()
        while (at := self._next_at()) is not None and at <= end:
            self.now = max(at, self.now)
            self._step()
        self.now = end

    def _next_at(self) -> float | None:
        moments = [self.forth.next_at(), self.back.next_at(), *(flow.next_at() for flow in self.flows)]
        return min((at for at in moments if at is not None), default=None)

    def _step(self) -> None:
        for packet in self.forth.due(self.now):
            self.flows[packet[0]].packet_came(int.from_bytes(packet[1:9], "big"), self.back, self.now)
        for packet in self.back.due(self.now):
            self.flows[packet[0]].sack_came(int.from_bytes(packet[1:9], "big"), self.now)
        for flow in self.flows:
            flow.step(self.forth, self.back, self.now)


def _packet(flow: int, number: int, size: int) -> bytes:
    return (bytes([flow]) + number.to_bytes(8, "big")).ljust(size, b"\0")


def simulated_path(
    rate_bits: float,
    rtt_seconds: float,
    loss: float = 0.0,
    *,
    seed: int = 1,
    queue_share: float = 1.0,
    burst_packets: float | None = None,
    receivers: list[Receiver] | None = None,
) -> SimulatedPath:
    """The same both ways; the queue holds that share of what one round trip carries. One flow, unless there are more
    receivers.
    """
    conditions = Conditions(
        rate_bits=rate_bits,
        delay_seconds=rtt_seconds / 2,
        queue_bytes=max(round(rate_bits * rtt_seconds / 8 * queue_share), 3 * PACKET_BYTES),
        loss=loss,
        burst_packets=burst_packets,
    )
    return SimulatedPath(conditions, conditions, seed, receivers or [Receiver()])
