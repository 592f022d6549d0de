"""From an edit at the hub to hits at the edge and back: real hub parts, real nats-server, real agent parts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
import nkeys
import pytest
from nats.aio.client import Client

from tests.agent.hotlists.house import crop
from tests.agent.store.samples import open_store, read, settle
from tests.hub.agents import new_key, until
from tests.servers.nats_server import NatsServer, running_nats_server
from vigie_agent.hotlists.desk import HitDesk
from vigie_agent.hotlists.fetcher import HotlistFetcher
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.uplink.budget import LinkBudget
from vigie_hub.database import Database
from vigie_hub.hotlists.entries import add, remove
from vigie_hub.hotlists.publisher import Publisher
from vigie_hub.settings import HotlistSettings
from vigie_shared.clock import SystemClock
from vigie_shared.events import PlateHit

CLOCK = SystemClock()
KEY = new_key(nkeys.PREFIX_BYTE_SERVER)


class Site:
    """A hub's database and publisher, and one agent's lists."""

    def __init__(self, folder: Path, server: NatsServer, database: Database) -> None:
        self.folder, self.server, self.database = folder, server, database
        self.lists = Hotlists(folder / "edge", ["main"], CLOCK, 86_400)
        self.lists.trust(KEY.public_key)

    async def connect(self) -> Client:
        return await nats.connect(self.server.url, reconnect_time_wait=0, max_reconnect_attempts=-1, error_cb=_ignore)

    @asynccontextmanager
    async def hub(self) -> AsyncIterator[None]:
        client = await self.connect()
        async with _running(Publisher(client, self.database, KEY, CLOCK, HotlistSettings()).run()):
            yield
        await client.close()

    @asynccontextmanager
    async def agent(self, look_seconds: float = 600) -> AsyncIterator[None]:
        client = await self.connect()
        fetcher = HotlistFetcher(self.lists, LinkBudget.unlimited(), CLOCK, look_seconds=look_seconds)
        async with _running(fetcher.run(client)):
            yield
        await client.close()

    async def add(self, text: str) -> str:
        return await self.database.write(lambda connection: add(connection, text, "stolen", "amal", CLOCK.now()))

    async def remove(self, entry_id: str) -> None:
        await self.database.write(lambda connection: remove(connection, entry_id, "amal", CLOCK.now(), "found"))

    async def hits(self, text: str) -> bool:
        return bool(self.lists.find(text, uncertain=False, at=CLOCK.now()))

    async def misses(self, text: str) -> bool:
        return not await self.hits(text)


@asynccontextmanager
async def _running(service: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(service)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _ignore(error: Exception) -> None: ...


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "edge").mkdir()
    with running_nats_server(tmp_path / "nats") as server:
        async with Database(tmp_path / "hub.db") as database:
            yield await asyncio.to_thread(Site, tmp_path, server, database)


async def test_an_added_plate_hits_and_a_removed_one_stops_within_a_minute(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    async with site.hub(), site.agent():
        entry_id = await site.add("12345|أ|6")
        begun = time.monotonic()
        await until(lambda: site.hits("12345|أ|6"), 60)
        record_property("seconds_until_it_hits", round(time.monotonic() - begun, 2))
        await site.remove(entry_id)
        begun = time.monotonic()
        await until(lambda: site.misses("12345|أ|6"), 60)
        record_property("seconds_until_it_stops", round(time.monotonic() - begun, 2))


async def test_an_edit_whose_hint_was_lost_is_found_by_the_clock(site: Site) -> None:
    async with site.agent(look_seconds=1):
        async with site.hub():
            entry_id = await site.add("12345|أ|6")
            await until(lambda: site.hits("12345|أ|6"), 60)

        async def silence(*_of: object) -> None: ...

        client = await site.connect()
        publisher = Publisher(client, site.database, KEY, CLOCK, HotlistSettings())
        publisher._announce = silence  # type: ignore[method-assign]
        async with _running(publisher.run()):
            await site.remove(entry_id)
            await until(lambda: site.misses("12345|أ|6"), 60)
        await client.close()


async def test_an_edit_made_while_the_agent_was_away_is_there_when_it_returns(site: Site) -> None:
    async with site.hub():
        async with site.agent():
            entry_id = await site.add("12345|أ|6")
            await until(lambda: site.hits("12345|أ|6"), 60)
        await site.remove(entry_id)
        await site.add("7|أ|7")
        assert await site.hits("12345|أ|6")  # it cannot know, and says how old its list is
        async with site.agent():
            await until(lambda: site.misses("12345|أ|6"), 60)
            await until(lambda: site.hits("7|أ|7"), 60)


async def test_a_server_that_comes_back_empty_changes_nothing_at_the_edge(site: Site) -> None:
    async with site.hub(), site.agent():
        await site.add("12345|أ|6")
        await until(lambda: site.hits("12345|أ|6"), 60)
        await asyncio.to_thread(site.server.kill)
        site.server.wipe()
        await asyncio.to_thread(site.server.start)
        assert await site.hits("12345|أ|6")
        await site.add("7|أ|7")
        await until(lambda: site.hits("7|أ|7"), 60)


async def test_a_read_at_the_edge_becomes_a_hit_in_the_outbox(site: Site) -> None:
    store = await asyncio.to_thread(open_store, site.folder / "edge")
    try:
        async with site.hub(), site.agent():
            entry_id = await site.add("12345|أ|6")
            await until(lambda: site.hits("12345|أ|6"), 60)
            desk = HitDesk(store, site.lists, CLOCK)
            await asyncio.to_thread(desk.record_read, read("12345|أ|6"), crop())
            await asyncio.to_thread(settle, store)
            (row,) = await asyncio.to_thread(store.outbox_after, "hit", 0, 10)
            assert isinstance(row.event, PlateHit)
            assert row.event.entry_id == entry_id
            assert len(row.event.picture) <= 6144
    finally:
        await asyncio.to_thread(store.close)
