"""The link budget: everything that leaves the box passes it (docs/design/link.md).

```
await budget.take("heartbeat", size)            waits for its turn, then send
sent = await budget.launch("clip", size)        the same for what the other side confirms:
budget.land(sent) or budget.lose(sent)          … which tells how fast the link is
budget.spend(size)                              counts what cannot wait
```
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, Self

from vigie_agent.uplink.daily_quota import DailyQuota
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.uplink.forecast import Forecast, Queued
from vigie_agent.uplink.link_file import LinkFile, LinkState
from vigie_agent.uplink.link_rules import LinkRules
from vigie_agent.uplink.link_settings import BYTES_PER_KBIT, LinkSettings
from vigie_agent.uplink.turns import Turns, Wish
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.link import Barrier, LinkReport, Priority

SAVE_SECONDS: Final = 10.0
TIMER_SECONDS_MIN: Final = 0.001


class LinkBudget:
    """One per process, used from its event loop only."""

    def __init__(
        self, settings: LinkSettings, clock: Clock | None = None, file: LinkFile | None = None, *, limited: bool = True
    ) -> None:
        """`file` remembers over restarts what today's quota lost; without `limited`, bytes are only counted."""
        self._settings = settings
        self._clock = clock or SystemClock()
        self._file = file
        self._quota = DailyQuota(settings.quota_bytes, file.load().used if file else None)
        self._rules = LinkRules(settings, self._quota)
        self._forecast = Forecast(self._rules, self._quota)
        self._turns = Turns(settings, self._rules, self._clock.monotonic_seconds(), limited=limited)
        self._limited = limited
        self._queued: list[Queued] = []
        self._wakers: dict[Wish, Callable[[], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.is_connected = False
        """Whether there is a way to the hub now, as the uplink knows it."""

    @classmethod
    def unlimited(cls) -> Self:
        """One that counts, and lets everything leave at once."""
        return cls(LinkSettings(), limited=False)

    # Leaving.

    def ask(self, priority: Priority, size: int, on_granted: Callable[[], None], *, tracked: bool = False) -> Wish:
        """Wait for a turn without holding a task; `on_granted` is called at once where nothing is in the way."""
        wish = Wish(priority, size, tracked=tracked)
        self._wakers[wish] = on_granted
        self._turns.ask(wish)
        self._pump()
        return wish

    def withdraw(self, wish: Wish) -> None:
        """No longer wanted; one that was granted and not used is as if it had left."""
        self._wakers.pop(wish, None)
        self._turns.withdraw(wish)
        if wish.sent is not None:
            self.lose(wish.sent)
        self._pump()

    async def take(self, priority: Priority, size: int) -> None:
        """Return when `size` bytes of `priority` may leave."""
        await self._granted(priority, size, tracked=False)

    async def launch(self, priority: Priority, size: int) -> Sent:
        """Return when they may leave; to be landed or lost later."""
        wish = await self._granted(priority, size, tracked=True)
        assert wish.sent is not None
        return wish.sent

    def land(self, sent: Sent) -> None:
        """The other side has it."""
        self._turns.delivery.land(sent, self._clock.monotonic_seconds())
        self._pump()

    def lose(self, sent: Sent) -> None:
        """It will not arrive, or nobody will say so."""
        self._turns.delivery.lose(sent)
        self._pump()

    def spend(self, size: int) -> None:
        """Bytes that leave without asking."""
        self._turns.spend(size, self._clock.monotonic_seconds())
        self._quota.spend(size, self._clock.now())

    # What may leave, and when.

    def may_leave(self, priority: Priority) -> bool:
        """Whether `priority` may use this link now."""
        return self.barrier(priority) is None

    def barrier(self, priority: Priority) -> Barrier | None:
        """What keeps `priority` from using this link now."""
        return self._rules.barrier(priority, self._local_now()) if self._limited else None

    def wait_seconds(self, priority: Priority) -> float | None:
        """How long that lasts; None where this link never carries it."""
        return self._rules.wait_seconds(priority, self._local_now()) if self._limited else 0.0

    @property
    def bytes_per_second(self) -> float | None:
        """What leaves at most now; None where nothing limits."""
        return self._turns.pace_bytes_per_second

    def chunk_bytes(self, most: int) -> int:
        """The largest item, up to `most`, that lets something more urgent pass within 200 ms."""
        chunk = self._turns.chunk_bytes()
        return most if chunk is None else min(most, chunk)

    @contextlib.contextmanager
    def queue(self, priority: Priority, label: str | None = None) -> Iterator[Queued]:
        """Something that waits, for the forecast; set its `bytes` as they come and go."""
        queued = Queued(priority, label)
        self._queued.append(queued)
        try:
            yield queued
        finally:
            self._queued.remove(queued)

    def report(self) -> LinkReport:
        """How the link fares, and what waits for it."""
        turns, now = self._turns, self._clock.now()
        pace, measured = turns.pace_bytes_per_second, turns.delivery.bytes_per_second
        rate = min((rate for rate in (pace, measured) if rate), default=None)
        round_trip = turns.delivery.round_trip_seconds
        return LinkReport(
            at=now,
            kind=self._settings.kind,
            connected=self.is_connected,
            pace_kbps=_kbps(pace),
            measured_kbps=_kbps(measured),
            cap_kbps=self._settings.rate_kbps,
            round_trip_ms=None if round_trip is None else round(round_trip * 1000, 1),
            in_flight_bytes=turns.delivery.in_flight_bytes,
            sent_today_bytes=self._quota.used_today(now),
            quota_bytes=self._quota.quota_bytes,
            queue=tuple(self._forecast.reports(self._queued, rate, self._local_now())),
        )

    async def run(self) -> None:
        """Keep the file true until cancelled."""
        if self._file is None:
            return
        try:
            while True:
                await asyncio.to_thread(self._file.save, self._state())
                await asyncio.sleep(SAVE_SECONDS)
        finally:
            await asyncio.shield(asyncio.to_thread(self._file.save, self._state()))

    def _state(self) -> LinkState:
        return LinkState(used=self._quota.used, report=self.report())

    async def _granted(self, priority: Priority, size: int, *, tracked: bool) -> Wish:
        granted = asyncio.Event()
        wish = self.ask(priority, size, granted.set, tracked=tracked)
        try:
            await granted.wait()
        except BaseException:
            self.withdraw(wish)
            raise
        return wish

    def _pump(self) -> None:
        """Grant what is due, and come back when the next may be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for wish in self._turns.due(self._clock.monotonic_seconds(), self._local_now()):
            self._quota.spend(wish.size, self._clock.now())
            self._wakers.pop(wish)()
        wait_seconds = self._turns.next_in_seconds(self._clock.monotonic_seconds(), self._local_now())
        if wait_seconds is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(wait_seconds, TIMER_SECONDS_MIN), self._pump)

    def _local_now(self) -> datetime:
        return self._clock.now().astimezone()


def _kbps(bytes_per_second: float | None) -> float | None:
    return None if bytes_per_second is None else round(bytes_per_second / BYTES_PER_KBIT, 1)
