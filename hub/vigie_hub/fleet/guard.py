"""The guard at nats-server's door: whoever floods it is cut and kept out for a while, so that others' hits go on.

nats-server itself bounds no agent's messages a second, but counts them. Four times a second the guard asks what came in
all; whenever that could hold a flood it asks for the counts of those connections that spoke last, and has the account's
token refuse a key that is far beyond what an agent may send.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from vigie_hub.bus.system import System
from vigie_hub.bus.traffic import Load, Session, Traffic
from vigie_hub.database import Database
from vigie_hub.fleet.floods import Flood, Floods, Looks
from vigie_hub.fleet.registry import Registry
from vigie_hub.fleet.suspensions import Suspension, suspend, suspensions
from vigie_shared.clock import Clock
from vigie_shared.errors import LinkError, StoreError

log = structlog.get_logger(__name__)
LOOK_SECONDS: Final = 0.25


def _nobody(_session: Session) -> str | None:
    return None


class Guard:
    """Looks at traffic, suspends, and lets in again."""

    def __init__(self, system: System, database: Database, registry: Registry, clock: Clock) -> None:
        self._system = system
        self._database = database
        self._registry = registry
        self._clock = clock
        self._floods = Floods()
        self._looks = Looks()
        self._look_due = True
        self._found: list[Flood] = []
        self._stirred = asyncio.Event()
        self._ends: list[int] = []
        self.whose: Callable[[Session], str | None] = _nobody
        """Says which key a connection has."""
        self.on_changed: Callable[[], Awaitable[None]] | None = None
        """Called when nats-server is to refuse others than before."""
        self.on_suspended: Callable[[str], Awaitable[None]] | None = None
        """Called when an agent was suspended: what it left behind is of no use."""

    async def run(self) -> None:
        """Guard until cancelled."""
        await self.refresh()
        await self._system.watch_traffic(self._heard, self.whose)
        await self._system.watch_load(self._weighed)
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        while True:
            try:
                if loop.time() >= next_at:
                    next_at = loop.time() + LOOK_SECONDS
                    await self._system.ask_load()
                    await self._let_in()
                if self._look_due:
                    await self._system.ask_traffic()
                    self._look_due = False
                await self._judge()
            except (LinkError, StoreError) as error:
                log.debug("traffic_unknown", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_at):
                    await self._stirred.wait()
            self._stirred.clear()

    async def refresh(self) -> None:
        """Take over what the read model says: somebody else changed it."""
        now = self._clock.now()
        in_force = await self._database.read(lambda connection: suspensions(connection, now))
        self._ends = [one.until_seconds for one in in_force]
        if self.on_changed is not None:
            await self.on_changed()

    def came(self, key: str, sessions: int) -> None:
        """A connection of `key` was made; it has so many now."""
        self._note(self._floods.came(key, sessions, self._clock.monotonic_seconds()))

    def _weighed(self, load: Load) -> None:
        if self._looks.feed(load):
            self._look_due = True
            self._stirred.set()

    def _heard(self, traffic: list[Traffic]) -> None:
        self._note(self._floods.feed(traffic, self._clock.monotonic_seconds()))

    def _note(self, floods: list[Flood]) -> None:
        known = [flood for flood in floods if self._registry.agent_with(flood.key) is not None]
        if known:
            self._found += known
            self._stirred.set()

    async def _judge(self) -> None:
        found, self._found = self._found, []
        for flood in found:
            agent_id = self._registry.agent_with(flood.key)
            if agent_id is not None:
                await self._suspend(agent_id, flood)

    async def _suspend(self, agent_id: str, flood: Flood) -> None:
        now = self._clock.now()
        reason = f"{flood.messages} messages, {flood.bytes} bytes at once" if flood.messages else "logs in too often"

        def change(connection: sqlite3.Connection) -> Suspension | None:
            return suspend(connection, agent_id, reason, now)

        made = await self._database.write(change)
        if made is None:
            return
        self._ends.append(made.until_seconds)
        if self.on_changed is not None:
            await self.on_changed()
        log.warning(
            "agent_suspended",
            agent_id=agent_id,
            seconds=made.until_seconds - made.at_seconds,
            reason=reason,
            advice="it floods the bus: look at the box, or revoke it (vigie hub revoke)",
        )
        if self.on_suspended is not None:
            await self.on_suspended(agent_id)

    async def _let_in(self) -> None:
        """Tell nats-server once a suspension has ended."""
        now = self._clock.now().timestamp()
        if any(end <= now for end in self._ends):
            self._ends = [end for end in self._ends if end > now]
            if self.on_changed is not None:
                await self.on_changed()
