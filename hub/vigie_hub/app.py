"""The hub, put together (docs/architecture.md, The flow).

```
agents ─NATS─→ heartbeats ──→ registry ──────────────┐
       ─NATS─→ stream EVT → consumer → read model ───┼──→ feed → page, API
       ←NATS── signed receipts ←───────┤             │
       ←NATS── crops ←──────── alerts ←┘             │
       ←WebRTC─ pulls → archive ─────────────────────┘
```
"""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from vigie_hub.alerts.crops import Crops
from vigie_hub.api.application import create_api
from vigie_hub.api.feed import Feed
from vigie_hub.api.server import ApiServer
from vigie_hub.api.services import Services
from vigie_hub.archive.files import Archive
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.server import EmbeddedNatsServer
from vigie_hub.custody.audit import Audit
from vigie_hub.database import Database
from vigie_hub.fleet.census import Census
from vigie_hub.fleet.discovery import Discovery
from vigie_hub.fleet.enrolment import enrol_all
from vigie_hub.fleet.heartbeats import Heartbeats
from vigie_hub.fleet.registry import Registry
from vigie_hub.hotlists.entries import Hotlist
from vigie_hub.keys import HubKeys
from vigie_hub.settings import HubSettings
from vigie_hub.sync.consumer import Consumer
from vigie_hub.sync.receipts import Receipts
from vigie_hub.users import Users
from vigie_hub.video.puller import Puller
from vigie_hub.video.pulls import PullQueue
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.stopping import stop_signals

log = structlog.get_logger(__name__)


class Hub:
    """All parts of one hub, wired; `run` starts them."""

    def __init__(self, settings: HubSettings, keys: HubKeys, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.database = database
        self.feed = feed = Feed()
        self.connection = Connection(settings.nats.url, keys.nats)
        client = self.connection.client

        self.registry = Registry()
        self.census = Census(database, self.registry, clock, feed.tell)
        self.discovery = Discovery(database, clock, settings.fleet.interfaces)
        self.crops = Crops(client, database, settings.alerts, feed.tell)
        self.heartbeats = Heartbeats(
            client,
            database,
            self.registry,
            clock,
            announce=self.census.announce,
            alive=self.crops.visits.alive,
            tell=feed.tell,
        )
        self.receipts = Receipts(client, database, keys.receipts, clock)
        self.consumer = Consumer(
            client,
            database,
            self.receipts,
            clock,
            settings.nats,
            tell=feed.tell,
            seen=lambda agent_id, at: self.census.announce(self.registry.seen(agent_id, at)),
            hit=self.crops.visits.want,
        )
        archive = Archive(settings.archive_dir)
        self.pulls = PullQueue(
            database,
            Puller(client, archive, clock=clock, ice_servers=settings.video.ice_servers),
            clock=clock,
            pulls_at_once=settings.video.pulls_at_once,
            tell=feed.tell,
        )
        self.services = Services(
            reads=database,
            hotlist=Hotlist(database, clock, feed.tell),
            pulls=self.pulls,
            archive=archive,
            users=Users(database),
            audit=Audit(database, clock),
            clock=clock,
            feed=feed,
        )

    async def follow_agents(self, server: EmbeddedNatsServer | None) -> None:
        """All that needs nats-server; waits for it as long as it takes, while the page shows what is known."""
        try:
            if server is not None:
                await server.ready()
            await self.connection.connect()
            await self.receipts.listen()
            async with asyncio.TaskGroup() as services:
                services.create_task(self.heartbeats.run(), name="heartbeats")
                services.create_task(self.consumer.run(), name="consumer")
                services.create_task(self.crops.run(), name="crops")
                services.create_task(self.pulls.run(), name="pulls")
        finally:
            await self.connection.close()


async def run(
    settings: HubSettings, *, embedded_nats: bool, on_ready: Callable[[str], None], clock: Clock | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the page's address."""
    clock = clock or SystemClock()
    keys = await asyncio.to_thread(HubKeys, settings.data_dir)
    async with contextlib.AsyncExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        database = await stack.enter_async_context(Database(settings.database_path))
        now = clock.now()
        await database.write(lambda connection: enrol_all(connection, settings.fleet.dial_in, now))
        hub = Hub(settings, keys, database, clock)
        await hub.census.look()
        api = ApiServer(create_api(hub.services), hub.feed, settings.api.host, settings.api.port)
        services = await stack.enter_async_context(asyncio.TaskGroup())
        running = [services.create_task(api.run(), name="api")]
        server = _embedded(hub, keys) if embedded_nats else None
        if server is not None:
            running.append(services.create_task(server.run(), name="nats-server"))
        running.append(services.create_task(hub.follow_agents(server), name="agents"))
        running.append(services.create_task(hub.census.run(), name="census"))
        if settings.fleet.discover:
            running.append(services.create_task(hub.discovery.run(), name="discovery"))
        on_ready(f"http://{settings.api.host}:{api.port}")
        await stop.wait()
        log.info("stopping")
        for task in running:
            task.cancel()


def _embedded(hub: Hub, keys: HubKeys) -> EmbeddedNatsServer:
    """A nats-server of the hub's own that learns of each enrolment."""
    hub_key = keys.nats.public_key
    configuration = nats_configuration(hub.settings, hub_key, hub.registry.keys())
    server = EmbeddedNatsServer(configuration, hub.settings.data_dir)

    async def enrolled(agents: dict[str, str]) -> None:
        await server.reconfigure(nats_configuration(hub.settings, hub_key, agents))

    hub.census.on_enrolled = enrolled
    return server
