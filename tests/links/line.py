"""One direction of an emulated link: a queue that drops what finds it full, a rate, a fixed delay, loss. Sans I/O.

A packet waits in the queue until the line is free, takes the line for its bytes, and arrives the delay later. What is
lost has taken its time on the line, as on a radio. Order is kept.
"""

import random
from collections import deque
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Of one direction. `burst_packets` None: each packet is lost independently; else losses come in bursts of that
    mean length (Gilbert-Elliott, all lost in the bad state), `loss` being the share over time.
    """

    rate_bits: float
    delay_seconds: float
    queue_bytes: int
    loss: float = 0.0
    burst_packets: float | None = None


@dataclass
class Count:
    """Of one direction, so far. Bytes are those of IP packets."""

    entered_packets: int = 0
    dropped_packets: int = 0
    lost_packets: int = 0
    arrived_packets: int = 0
    arrived_bytes: int = 0
    queue_bytes_max: int = 0

    def as_dict(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


class Line:
    """Times are monotonic seconds; calls come in order of time."""

    def __init__(self, conditions: Conditions, seed: int) -> None:
        self.conditions = conditions
        self.count = Count()
        self._random = random.Random(seed)
        self._is_bad = False
        self._waiting: deque[tuple[float, bytes, bool]] = deque()
        self._waiting_bytes = 0
        self._free_at = 0.0
        self._on_air: deque[tuple[float, bytes]] = deque()

    def feed(self, packet: bytes, now_seconds: float) -> None:
        """A packet is handed in. The k-th packet draws the same lot in every run of one seed."""
        self._serialize(now_seconds)
        self.count.entered_packets += 1
        is_lost = self._draw()
        if self._waiting_bytes + len(packet) > self.conditions.queue_bytes and self._free_at > now_seconds:
            self.count.dropped_packets += 1
            return
        self._waiting.append((now_seconds, packet, is_lost))
        self._waiting_bytes += len(packet)
        self.count.queue_bytes_max = max(self.count.queue_bytes_max, self._waiting_bytes)

    def due(self, now_seconds: float) -> list[bytes]:
        """What arrives by now."""
        self._serialize(now_seconds)
        arrived = []
        while self._on_air and self._on_air[0][0] <= now_seconds:
            arrived.append(self._on_air.popleft()[1])
            self.count.arrived_packets += 1
            self.count.arrived_bytes += len(arrived[-1])
        return arrived

    def next_at(self) -> float | None:
        """When to ask again, unless a packet is fed before."""
        if self._on_air:
            return self._on_air[0][0]
        if self._waiting:
            return self._end_of_first() + self.conditions.delay_seconds
        return None

    def _serialize(self, now_seconds: float) -> None:
        while self._waiting and (end := self._end_of_first()) <= now_seconds:
            self._put_on_air(end)
        if self._waiting and max(self._free_at, self._waiting[0][0]) <= now_seconds:
            self._put_on_air(self._end_of_first())

    def _end_of_first(self) -> float:
        entered_at, packet, _is_lost = self._waiting[0]
        return max(self._free_at, entered_at) + len(packet) * 8 / self.conditions.rate_bits

    def _put_on_air(self, end: float) -> None:
        _entered_at, packet, is_lost = self._waiting.popleft()
        self._waiting_bytes -= len(packet)
        self._free_at = end
        if is_lost:
            self.count.lost_packets += 1
            return
        last_at = self._on_air[-1][0] if self._on_air else 0.0
        self._on_air.append((max(last_at, end + self.conditions.delay_seconds), packet))

    def _draw(self) -> bool:
        loss, burst_packets = self.conditions.loss, self.conditions.burst_packets
        if burst_packets is None or loss >= 1:
            return self._random.random() < loss
        leave = 1 / burst_packets
        change = leave if self._is_bad else leave * loss / (1 - loss)
        if self._random.random() < change:
            self._is_bad = not self._is_bad
        return self._is_bad
