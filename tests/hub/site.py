"""A hub's link side on a real nats-server: database, keys, registry, users with their permissions."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import nats.js.errors

from tests.hub.agents import Agent, StoppedClock
from tests.servers.nats_server import NatsServer
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.login import Login
from vigie_hub.bus.trust import Trust
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_hub.sync.consumer import Consumer
from vigie_hub.sync.receipts import Receipts
from vigie_shared.subjects import STREAM

STREAM_BYTES_MAX: Final = 64 * 1024**2


class Site:
    """What a test holds in its hands; `told` is what the page would hear."""

    def __init__(
        self,
        folder: Path,
        server: NatsServer,
        database: Database,
        identity: Identity,
        agents: list[Agent],
        stream_bytes_max: int,
    ) -> None:
        self.folder = folder
        self.server = server
        self.database = database
        self.keys = identity
        self.settings = hub_settings(folder, server.url, stream_bytes_max)
        self.clock = StoppedClock()
        self.agents = agents
        self.connection = Connection(server.url, identity.trust.hub_login())
        self.overseer = Connection(server.url, overseer_login(identity.trust), quiet=True)
        """May read the stream, which the hub only consumes."""
        self.receipts = Receipts(self.connection.client, database, identity.receipts, self.clock)
        self.told: list[str] = []
        self.hits: list[str] = []
        self.consumer = Consumer(
            self.connection.client,
            database,
            self.receipts,
            self.clock,
            self.settings.nats,
            tell=self.told.append,
            hit=self.hits.append,
        )

    async def count(self, table: str) -> int:
        return await self.database.read(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )

    async def stream_is_drained(self) -> bool:
        """Whether the consumers have confirmed the newest message: nats-server counts pending ones a moment late."""
        jetstream = self.overseer.client.jetstream()
        for durable in ("projector", "hits"):
            config = (await jetstream.consumer_info(STREAM, durable)).config
            for subject in config.filter_subjects or [config.filter_subject or ">"]:
                with contextlib.suppress(nats.js.errors.NotFoundError):
                    newest = await jetstream.get_last_msg(STREAM, subject)
                    info = await jetstream.consumer_info(STREAM, durable)
                    delivered = info.delivered.stream_seq if info.delivered else 0
                    if info.num_ack_pending or delivered < (newest.seq or 0):
                        return False
        return True

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """The consumer runs, its stream exists."""
        running = asyncio.create_task(self.consumer.run())
        try:
            async with asyncio.timeout(20):
                while not running.done():
                    try:
                        await self.stream_is_drained()
                        break
                    except Exception:  # not there yet
                        await asyncio.sleep(0.01)
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def overseer_login(trust: Trust) -> Login:
    """Somebody in the fleet's account who may do anything."""
    rights = {"subs": -1, "data": -1, "payload": -1}
    return Login("_T", lambda key: trust._own_token(trust._account, key, rights))


def access(settings: HubSettings, identity: Identity, store_dir: Path | None = None) -> str:
    """What a nats-server of the tests is to believe; with `store_dir` the rest of the hub's own configuration too."""
    configuration = nats_configuration(settings, identity.trust, {}, identity.certificates)
    known = configuration.access()
    if store_dir is not None:
        known |= configuration.patience()
        known["jetstream"] = configuration.streams() | {"store_dir": str(store_dir)}
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in known.items())


def hub_settings(
    folder: Path, url: str = "nats://127.0.0.1:1", stream_bytes_max: int = STREAM_BYTES_MAX
) -> HubSettings:
    return HubSettings(
        data_dir=folder / "hub",
        nats={"url": url, "stream_bytes_max": stream_bytes_max},
    )


@asynccontextmanager
async def open_site(
    folder: Path, *agent_ids: str, stranger: str | None = None, stream_bytes_max: int = STREAM_BYTES_MAX
) -> AsyncIterator[Site]:
    """A site with enrolled agents; nats-server also lets `stranger` in, whom the hub has not enrolled."""
    settings = hub_settings(folder, stream_bytes_max=stream_bytes_max)
    identity = await asyncio.to_thread(Identity.of, settings)
    agents = [Agent(agent_id).trusted_by(identity.trust) for agent_id in agent_ids]
    strangers = [Agent(stranger).trusted_by(identity.trust)] if stranger else []
    server = NatsServer(folder / "nats")
    server.configuration = await asyncio.to_thread(access, settings, identity, server.store_dir)
    await asyncio.to_thread(server.start)
    try:
        async with Database(settings.database_path) as database:
            site = Site(folder, server, database, identity, [*agents, *strangers], stream_bytes_max)
            for agent in agents:
                await database.write(
                    lambda connection, one=agent: enrol(  # type: ignore[misc]
                        connection, one.agent_id, one.key.public_key, site.clock.now(), "test"
                    )
                )
            await site.connection.connect()
            await site.overseer.connect()
            try:
                yield site
            finally:
                await site.overseer.close()
                await site.connection.close()
    finally:
        await asyncio.to_thread(server.stop)
