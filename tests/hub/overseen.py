"""The hub's eyes on one site: registry, census, presence, guard, and what it tells nats-server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.hub.site import Site
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.system import System
from vigie_hub.fleet.census import Census
from vigie_hub.fleet.guard import Guard
from vigie_hub.fleet.oversight import Oversight
from vigie_hub.fleet.presence import Presence
from vigie_hub.fleet.registry import AgentStateChanged, Registry
from vigie_shared.clock import Clock


class Overseen:
    """What watches and what it found."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.registry = Registry()
        self.changes: list[AgentStateChanged] = []
        self.census = Census(site.database, self.registry, site.clock, site.told.append)
        connection = Connection(site.server.url, site.keys.trust.system_login())
        system = System(connection, site.keys.trust.account)
        guard = self.guard = Guard(system, site.database, self.registry, clock)
        presence = self.presence = Presence(
            system,
            site.database,
            self.registry,
            site.clock,
            announce=self.changes.extend,
            tell=site.told.append,
            came=guard.came,
        )
        self.oversight = Oversight(
            connection,
            system,
            site.database,
            site.keys.trust,
            site.clock,
            presence,
            guard,
            site.settings.nats.stream_bytes_max,
        )
        self.census.on_changed = self.oversight.enrolment_changed


@asynccontextmanager
async def overseen(site: Site, clock: Clock | None = None) -> AsyncIterator[Overseen]:
    seen = Overseen(site, clock or site.clock)
    await seen.census.look()
    running = asyncio.create_task(seen.oversight.run())
    try:
        yield seen
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
