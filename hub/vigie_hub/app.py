"""The hub, put together (docs/architecture.md, The flow).

```
agents ─NATS─→ heartbeats ──→ registry ──────────────┐
       ─NATS─→ stream EVT → consumer → read model ───┼──→ feed → page, API
       ←NATS── signed receipts ←───────┤             │
       ←NATS── crops ←──────── alerts ←┘             │
       ←NATS── holds ←───────────────────────────────┤
       ←WebRTC─ pulls → archive ─────────────────────┤
       ←WebRTC─ relays ──────────────────────────────┼──→ viewers
       ←NATS── stills ───────────────────────────────┴──→ viewers without a media connection
```
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from vigie_hub.alerts.crops import Crops
from vigie_hub.api.application import create_api
from vigie_hub.api.feed import Feed
from vigie_hub.api.server import ApiServer
from vigie_hub.api.services import Services
from vigie_hub.archive.files import Archive
from vigie_hub.bus.certificates import Certificates
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.server import EmbeddedNatsServer
from vigie_hub.bus.system import System
from vigie_hub.bus.trust import Trust
from vigie_hub.custody.audit import Audit
from vigie_hub.database import Database
from vigie_hub.fleet.admission import Admission
from vigie_hub.fleet.census import Census
from vigie_hub.fleet.discovery import Discovery
from vigie_hub.fleet.enrolment import revocations
from vigie_hub.fleet.guard import Guard
from vigie_hub.fleet.heartbeats import Heartbeats
from vigie_hub.fleet.holds import EdgeHolds
from vigie_hub.fleet.oversight import Oversight
from vigie_hub.fleet.presence import Presence, forget
from vigie_hub.fleet.registry import Registry
from vigie_hub.hotlists.entries import Hotlist
from vigie_hub.hotlists.publisher import Publisher
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_hub.sync.consumer import Consumer
from vigie_hub.sync.receipts import Receipts
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.users import Users
from vigie_hub.video.live.watching import Limits, Watching
from vigie_hub.video.pull.agent_keys import AgentKeys
from vigie_hub.video.pull.door import Door
from vigie_hub.video.pull.puller import Puller
from vigie_hub.video.pull.pulls import PullQueue
from vigie_hub.video.pull.roads import Roads
from vigie_hub.video.stills.looking import Looking
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import StoreError
from vigie_shared.stopping import stop_signals

log = structlog.get_logger(__name__)
CERTIFICATE_LOOK_SECONDS: Final = 3600.0


class Hub:
    """All parts of one hub, wired; `run` starts them."""

    def __init__(self, settings: HubSettings, identity: Identity, database: Database, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.database = database
        self.feed = feed = Feed()
        trust, context = identity.trust, identity.certificates.client_context()
        self.connection = Connection(settings.nats.url, trust.hub_login(), context)
        client = self.connection.client

        self.registry = Registry()
        self.census = Census(database, self.registry, clock, feed.tell)
        self.discovery = Discovery(database, clock, settings.fleet.interfaces)
        self.crops = Crops(client, database, settings.alerts, feed.tell)
        self.holds = EdgeHolds(client, database, clock, feed.tell)
        self.heartbeats = Heartbeats(
            Connection(settings.nats.url, trust.hub_login(), context),
            database,
            self.registry,
            clock,
            announce=self.census.announce,
            alive=self._alive,
            tell=feed.tell,
        )
        self.oversight = self._overseeing(Connection(settings.nats.url, trust.system_login(), context), trust)
        self.admission = Admission(settings, database, trust, identity.certificates, identity.receipts, clock)
        self.admission.on_admitted = self.census.look
        self.receipts = Receipts(client, database, identity.receipts, clock)
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
        self.hotlists = Publisher(
            client, database, identity.receipts, clock, settings.hotlists, replicas=settings.nats.replicas
        )
        archive, self.door = Archive(settings.archive_dir), Door()
        self.pulls = self._pulling(archive)
        self.tickets = TicketDesk(database, clock)
        self.limits = Limits(settings.video.viewers_max, settings.video.viewers_per_user_max)
        self.watching = self._watching()
        self.looking = Looking(client, self.tickets, clock, self.limits)
        self.watching.elsewhere, self.looking.elsewhere = (lambda: self.looking.users), (lambda: self.watching.users)
        self.services = self._offered(archive)

    def _pulling(self, archive: Archive) -> PullQueue:
        """What brings clips into `archive`, over either road."""
        database, clock, video = self.database, self.clock, self.settings.video
        puller = Puller(
            self.connection.client,
            archive,
            clock=clock,
            ice=video.ice(),
            roads=Roads(video.road),
            door=self.door,
            key_of=AgentKeys(database).of,
        )
        feed, at_once = self.feed, video.pulls_at_once
        return PullQueue(database, puller, clock=clock, pulls_at_once=at_once, tell=feed.tell, tell_pull=feed.tell_pull)

    def _overseeing(self, connection: Connection, trust: Trust) -> Oversight:
        """What the hub does as the one who runs nats-server, over a connection of its own."""
        database, clock = self.database, self.clock
        system = System(connection, trust.account)
        guard = Guard(system, database, self.registry, clock)
        guard.on_suspended = lambda agent_id: self.consumer.clear(agent_id)
        announce, tell = self.census.announce, self.feed.tell
        presence = Presence(system, database, self.registry, clock, announce=announce, tell=tell, came=guard.came)
        oversight = Oversight(
            connection, system, database, trust, clock, presence, guard, self.settings.nats.stream_bytes_max
        )
        self.census.on_changed = oversight.enrolment_changed
        return oversight

    def _watching(self) -> Watching:
        """Live video and playback, by ticket."""
        video = self.settings.video
        return Watching(
            self.connection.client,
            self.tickets,
            self.clock,
            limits=self.limits,
            ice=video.ice(),
        )

    def _offered(self, archive: Archive) -> Services:
        """What the API and the page work with."""
        database, clock, feed = self.database, self.clock, self.feed
        return Services(
            reads=database,
            hotlist=Hotlist(database, clock, feed.tell),
            pulls=self.pulls,
            holds=self.holds,
            archive=archive,
            users=Users(database),
            audit=Audit(database, clock),
            admission=self.admission,
            tickets=self.tickets,
            watching=self.watching,
            looking=self.looking,
            clock=clock,
            feed=feed,
        )

    def _alive(self, agent_id: str) -> None:
        """An agent gave a sign of life: it can be asked for what it owes."""
        self.crops.visits.alive(agent_id)
        self.holds.visits.alive(agent_id)
        self.pulls.alive(agent_id)

    async def follow_agents(self, server: EmbeddedNatsServer | None) -> None:
        """All that needs nats-server; waits for it as long as it takes, while the page shows what is known."""
        try:
            if server is not None:
                await server.ready()
            await self.connection.connect()
            await self.receipts.listen()
            await self.admission.listen(self.connection.client)
            async with asyncio.TaskGroup() as services:
                services.create_task(self.oversight.run(), name="oversight")
                services.create_task(self.heartbeats.run(), name="heartbeats")
                services.create_task(self.consumer.run(), name="consumer")
                services.create_task(self.hotlists.run(), name="hotlists")
                services.create_task(self.crops.run(), name="crops")
                services.create_task(self.holds.run(), name="holds")
                services.create_task(self.pulls.run(), name="pulls")
                services.create_task(self.watching.run(), name="watching")
                services.create_task(self.looking.run(), name="looking")
        finally:
            await self.connection.close()


async def run(
    settings: HubSettings, *, embedded_nats: bool, on_ready: Callable[[str], None], clock: Clock | None = None
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the page's address."""
    clock = clock or SystemClock()
    identity = await asyncio.to_thread(Identity.of, settings, clock)
    async with contextlib.AsyncExitStack() as stack:
        stop = stack.enter_context(stop_signals())
        database = await stack.enter_async_context(Database(settings.database_path))
        await database.write(forget)
        hub = Hub(settings, identity, database, clock)
        await hub.census.look()
        certificates = identity.certificates if settings.api_is_secure else None
        api = ApiServer(
            create_api(hub.services, hub.door), hub.feed, settings.api.host, settings.api.port, certificates
        )
        services = await stack.enter_async_context(asyncio.TaskGroup())
        running = [services.create_task(api.run(), name="api")]
        server = await _embedded(hub, identity) if embedded_nats else None
        if server is not None:
            running.append(services.create_task(server.run(), name="nats-server"))
        running.append(services.create_task(hub.follow_agents(server), name="agents"))
        running.append(services.create_task(hub.census.run(), name="census"))
        reloads = [api.reload, *([server.reload] if server is not None else [])]
        renewing = _renew_certificates(identity.certificates, clock, reloads)
        running.append(services.create_task(renewing, name="certificates"))
        if settings.fleet.discover and settings.fleet.interfaces:
            running.append(services.create_task(hub.discovery.run(), name="discovery"))
        scheme = "https" if settings.api_is_secure else "http"
        on_ready(f"{scheme}://{settings.api.host}:{api.port}")
        await stop.wait()
        log.info("stopping")
        await stop.end(running, lambda names: log.warning("ends_late", tasks=names))


async def _embedded(hub: Hub, identity: Identity) -> EmbeddedNatsServer:
    """A nats-server of the hub's own."""
    now = hub.clock.now()
    revoked = await hub.database.read(lambda connection: revocations(connection, now))
    configuration = await asyncio.to_thread(
        nats_configuration, hub.settings, identity.trust, revoked, identity.certificates
    )
    return EmbeddedNatsServer(configuration, hub.settings.data_dir)


async def _renew_certificates(certificates: Certificates, clock: Clock, reloads: list[Callable[[], None]]) -> None:
    """Look now and then whether the certificate ends soon; whoever shows it then takes the new one."""
    while True:
        await asyncio.sleep(CERTIFICATE_LOOK_SECONDS)
        try:
            if await asyncio.to_thread(certificates.ensure, clock.now()):
                for reload in reloads:
                    reload()
                log.info("certificate_renewed")
        except StoreError as error:
            log.error("certificate_not_renewed", reason=str(error))
