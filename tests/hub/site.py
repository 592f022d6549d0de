"""A hub's link side on a real nats-server: database, keys, registry, users with their permissions."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from tests.hub.agents import Agent, StoppedClock
from tests.servers.nats_server import NatsServer
from vigie_hub.bus.configuration import NatsConfiguration
from vigie_hub.bus.connection import Connection
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.keys import HubKeys
from vigie_hub.settings import NatsSettings
from vigie_hub.sync.consumer import Consumer
from vigie_hub.sync.receipts import Receipts


class Site:
    """What a test holds in its hands; `told` is what the page would hear."""

    def __init__(
        self, folder: Path, server: NatsServer, database: Database, keys: HubKeys, agents: list[Agent]
    ) -> None:
        self.folder = folder
        self.server = server
        self.database = database
        self.keys = keys
        self.clock = StoppedClock()
        self.agents = agents
        self.connection = Connection(server.url, keys.nats)
        self.receipts = Receipts(self.connection.client, database, keys.receipts, self.clock)
        self.told: list[str] = []
        self.hits: list[str] = []
        self.consumer = Consumer(
            self.connection.client,
            database,
            self.receipts,
            self.clock,
            NatsSettings(stream_bytes_max=64 * 1024**2),
            tell=self.told.append,
            hit=self.hits.append,
        )

    async def count(self, table: str) -> int:
        return await self.database.read(
            lambda connection: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        )

    async def pending_acks(self) -> int:
        info = await self.connection.client.jetstream().consumer_info("EVT", "projector")
        return (info.num_ack_pending or 0) + (info.num_pending or 0)

    async def stream_is_drained(self) -> bool:
        return await self.pending_acks() == 0

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[None]:
        """The consumer runs, its stream exists."""
        running = asyncio.create_task(self.consumer.run())
        try:
            async with asyncio.timeout(20):
                while not running.done():
                    try:
                        await self.connection.client.jetstream().consumer_info("EVT", "projector")
                        break
                    except Exception:  # not there yet
                        await asyncio.sleep(0.01)
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def authorization(hub_key: str, agents: Iterable[Agent]) -> str:
    keys = {agent.agent_id: agent.key.public_key for agent in agents}
    users = NatsConfiguration("nats://127.0.0.1:1", Path("/nowhere"), hub_key, keys).users()
    return f"authorization: {json.dumps({'users': users})}"


@asynccontextmanager
async def open_site(folder: Path, *agent_ids: str, stranger: str | None = None) -> AsyncIterator[Site]:
    """A site with enrolled agents; nats-server also lets `stranger` in, whom the hub has not enrolled."""
    keys = await asyncio.to_thread(HubKeys, folder / "hub")
    agents = [Agent(agent_id) for agent_id in agent_ids]
    strangers = [Agent(stranger)] if stranger else []
    server = NatsServer(folder / "nats", authorization(keys.nats.public_key, [*agents, *strangers]))
    await asyncio.to_thread(server.start)
    try:
        async with Database(folder / "hub" / "hub.db") as database:
            site = Site(folder, server, database, keys, [*agents, *strangers])
            for agent in agents:
                await database.write(
                    lambda connection, one=agent: enrol(  # type: ignore[misc]
                        connection, one.agent_id, one.key.public_key, site.clock.now(), "test"
                    )
                )
            await site.connection.connect()
            try:
                yield site
            finally:
                await site.connection.close()
    finally:
        await asyncio.to_thread(server.stop)
