"""Who may send next: strict priorities over one rate, with bounded bytes in flight; sans I/O (docs/design/link.md).

Every wish names a priority and a size. Whoever is more urgent goes first, always; a wish that must wait for the rate
holds back all that are less urgent, so that nothing small slips past something urgent. Since nothing that can be cut is
larger than 200 ms of the rate, a new urgent wish waits for no more than that.
"""

from collections import deque
from datetime import datetime
from typing import Final

from vigie_agent.uplink.delivery_rate import DeliveryRate, Sent
from vigie_agent.uplink.link_rules import LinkRules
from vigie_agent.uplink.link_settings import LINK_CLASSES, LinkSettings
from vigie_agent.uplink.token_bucket import BURST_SECONDS, TokenBucket
from vigie_shared.link import PRIORITIES, Priority

PACKET_BYTES: Final = 1400
PACE_KBPS_MIN: Final = 16
CAP_MARGIN: Final = 0.98
"""What the sums do not see: acknowledgements, keep-alives, packets sent twice."""
CAP_BINDS: Final = 0.8
"""A link that was measured at this share of its cap is taken to be as fast as the cap."""
RULES_SECONDS: Final = 30.0
"""How often a wish that a rule holds back is looked at again."""
_FLIGHT_SECONDS: Final[dict[Priority, float]] = {"hit": 2.0, "gap": 2.0, "heartbeat": 2.0, "read": 1.5, "motion": 1.5}
_FLIGHT_SECONDS_LEAST: Final = 1.0


class Wish:
    """Something that wants to leave."""

    __slots__ = ("has_waited", "is_granted", "is_over", "priority", "sent", "size", "tracked")

    def __init__(self, priority: Priority, size: int, *, tracked: bool) -> None:
        self.priority = priority
        self.size = size
        self.tracked = tracked
        """Whether the other side confirms it, so that it counts as in flight until then."""
        self.is_granted = self.is_over = self.has_waited = False
        self.sent: Sent | None = None


class Turns:
    """Times are monotonic seconds, beside the box's local time for the rules."""

    def __init__(self, settings: LinkSettings, rules: LinkRules, now_seconds: float, *, limited: bool = True) -> None:
        """Without `limited`, everything leaves at once."""
        self._cap = settings.cap_bytes_per_second
        self._start = self._cap or LINK_CLASSES[settings.kind].start_kbps * 125
        self._rules = rules
        self._limited = limited
        self._waiting: dict[Priority, deque[Wish]] = {priority: deque() for priority in PRIORITIES}
        self.delivery = DeliveryRate()
        self._bucket = TokenBucket(self._pace(now_seconds), now_seconds)

    @property
    def pace_bytes_per_second(self) -> float | None:
        """At most so fast now; None where nothing limits."""
        return self._bucket.bytes_per_second

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits."""
        return not any(self._waiting.values())

    def chunk_bytes(self) -> int | None:
        """The largest item that lets something more urgent pass within 200 ms."""
        pace = self.pace_bytes_per_second
        return None if pace is None else max(PACKET_BYTES, int(pace * BURST_SECONDS))

    def ask(self, wish: Wish) -> None:
        """Wait for a turn."""
        self._waiting[wish.priority].append(wish)

    def withdraw(self, wish: Wish) -> None:
        """No longer wanted."""
        wish.is_over = True
        if wish in self._waiting[wish.priority]:
            self._waiting[wish.priority].remove(wish)

    def spend(self, size: int, now_seconds: float) -> None:
        """`size` bytes left without asking: everybody else waits the longer."""
        self._bucket.spend(size, now_seconds)

    def due(self, now_seconds: float, local: datetime) -> list[Wish]:
        """Wishes that are granted now, in this order."""
        granted: list[Wish] = []
        while (wish := self._first_due(now_seconds, local)) is not None:
            self._waiting[wish.priority].popleft()
            wish.is_granted = True
            self._bucket.spend(wish.size, now_seconds)
            if not wish.has_waited:  # the link was ready before anybody asked
                self.delivery.run_dry()
            if wish.tracked:
                wish.sent = self.delivery.send(wish.size, now_seconds)
            granted.append(wish)
        for wishes in self._waiting.values():
            for left in wishes:
                left.has_waited = True
        return granted

    def next_in_seconds(self, now_seconds: float, local: datetime) -> float | None:
        """When to look again; None until something is asked or confirmed."""
        if self.is_idle:
            return None
        ready = self._next_ready(now_seconds, local)
        if ready is not None:
            return self._bucket.ready_in_seconds(ready.size, now_seconds)
        return RULES_SECONDS

    def flight_room(self, priority: Priority, now_seconds: float) -> float:
        """How many more bytes of `priority` may be on their way unconfirmed: never more than two seconds' worth."""
        pace = self.pace_bytes_per_second
        if pace is None:
            return float("inf")
        rate = min(pace, self.delivery.recent_bytes_per_second(now_seconds) or pace)
        rate = max(rate, PACE_KBPS_MIN * 125)
        limit = rate * _FLIGHT_SECONDS.get(priority, _FLIGHT_SECONDS_LEAST)
        return limit - self.delivery.in_flight_bytes

    def _first_due(self, now_seconds: float, local: datetime) -> Wish | None:
        self._bucket.set_rate(self._pace(now_seconds), now_seconds)
        wish = self._next_ready(now_seconds, local)
        if wish is None or self._bucket.ready_in_seconds(wish.size, now_seconds) > 0:
            return None
        return wish

    def _next_ready(self, now_seconds: float, local: datetime) -> Wish | None:
        """The most urgent wish that waits for nothing but the rate."""
        for priority, wishes in self._waiting.items():
            if not wishes or (self._limited and self._rules.barrier(priority, local) is not None):
                continue
            first = wishes[0]
            is_alone = self.delivery.in_flight_bytes == 0
            if not first.tracked or is_alone or first.size <= self.flight_room(priority, now_seconds):
                return first
        return None

    def _pace(self, now_seconds: float) -> float | None:
        """The rate to send at: the cap while the link keeps up with it, else what was measured, up or down a little."""
        if not self._limited:
            return None
        measured, floor = self.delivery.bytes_per_second, PACE_KBPS_MIN * 125.0
        cap = self._cap * CAP_MARGIN if self._cap else float("inf")
        if measured is None:
            return min(self._start, cap)
        keeps_up = measured >= CAP_BINDS * cap and not self.delivery.is_queueing
        wanted = cap if keeps_up else measured * self.delivery.gain(now_seconds)
        return min(cap, max(floor, wanted))
