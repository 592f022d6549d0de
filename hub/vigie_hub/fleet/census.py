"""Keeps the registry in step with the read model and with the clock."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from typing import Final, Literal

import structlog

from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import load_records
from vigie_hub.fleet.registry import AgentStateChanged, Registry
from vigie_shared.clock import Clock

log = structlog.get_logger(__name__)
PERIOD_SECONDS: Final = 1.0
Tell = Callable[[Literal["agents"]], None]


EDITION: Final = (
    "SELECT count(*), count(public_key), max(enrolled_at), max(discovered_at), max(revoked_at),"
    " (SELECT sum(until_seconds) FROM suspensions) FROM agents"
)
"""An index holds all of it: the rows, with a heartbeat each, would cost 10 ms a second where there are 5,000."""


def _edition(connection: sqlite3.Connection) -> tuple[object, ...]:
    """Changes whenever an agent is discovered, enrolled or revoked, by this process or a command."""
    return tuple(connection.execute(EDITION).fetchone())


class Census:
    """Looks each second: who was enrolled, who fell silent?"""

    def __init__(self, database: Database, registry: Registry, clock: Clock, tell: Tell) -> None:
        self._database = database
        self._registry = registry
        self._clock = clock
        self._tell = tell
        self._edition: tuple[object, ...] = ()
        self.on_changed: Callable[[], Awaitable[None]] | None = None
        """Called when an agent was enrolled or revoked."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD_SECONDS)

    async def look(self) -> None:
        """Look once."""
        edition = await self._database.read(_edition)
        if edition == self._edition:
            self.announce(self._registry.tick(self._clock.now()))
            return
        before = self._registry.keys()
        records = await self._database.read(load_records)
        self.announce(self._registry.load(records, self._clock.now()))
        self._edition = edition
        keys = self._registry.keys()
        if keys != before and self.on_changed is not None:
            await self.on_changed()

    def announce(self, changes: list[AgentStateChanged]) -> None:
        """Log changes, and tell the page."""
        for change in changes:
            level = log.warning if change.after == "lost" else log.info
            level("agent_state", agent_id=change.agent_id, before=change.before, after=change.after)
        if changes:
            self._tell("agents")
