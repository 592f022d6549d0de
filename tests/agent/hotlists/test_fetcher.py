"""The fetcher against a real nats-server whose bucket the test fills."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import nats
import nkeys
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import StreamConfig

from tests.agent.hotlists.house import HUB, entry
from tests.agent.store.samples import FixedClock
from tests.servers.nats_server import running_nats_server
from vigie_agent.hotlists.fetcher import HotlistFetcher
from vigie_agent.hotlists.lists import Hotlists
from vigie_agent.keys import AgentKey
from vigie_agent.uplink.budget import LinkBudget
from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry
from vigie_shared.hotlists.sealed import Chunk, Head, seal, subject_of


class Site:
    """A bucket, and an agent that looks into it."""

    def __init__(self, client: Client, lists: Hotlists) -> None:
        self.client = client
        self.lists = lists
        self.clock = FixedClock()
        self.fetcher = HotlistFetcher(lists, LinkBudget.unlimited(), self.clock, look_seconds=600)

    async def put(self, version: int, *entries: Entry, chunk_too: bool = True, key: AgentKey = HUB) -> None:
        columns = Columns.of(entries)
        chunk = Chunk(list_id="main", version=version, number=0)
        head = Head(
            list_id="main",
            version=version,
            issued_at=self.clock.now(),
            entries=len(columns),
            digest=coding.digest(columns),
            snapshot_version=version,
            snapshot_chunks=1,
            oldest_delta=version + 1,
            check_only_after_seconds=3600,
        )
        values = [(head, b"")] + ([(chunk, coding.encode(columns))] if chunk_too else [])
        for label, payload in reversed(values):
            await self.client.jetstream().publish(subject_of(label.key), seal(label, payload, key))

    def version(self) -> int:
        return self.lists.ages().get("main", (0, 0, 0.0))[0]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    with running_nats_server(tmp_path / "nats") as server:
        client = await nats.connect(server.url)
        lists = Hotlists(tmp_path, ["main", "none"], FixedClock(), 86_400)
        await asyncio.to_thread(lists.trust, HUB.public_key)
        await client.jetstream().add_stream(
            StreamConfig(name="KV_HL", subjects=["$KV.HL.>"], max_msgs_per_subject=1, allow_direct=True)
        )
        yield Site(client, lists)
        await client.close()


async def test_what_the_bucket_has_is_brought_and_a_list_that_it_lacks_is_no_fault(site: Site) -> None:
    await site.put(7, entry("12345|أ|6", 1))
    assert await site.fetcher.look(site.client)
    assert site.version() == 7


async def test_a_value_that_is_gone_is_looked_for_again_later(site: Site) -> None:
    await site.put(7, entry("12345|أ|6", 1))
    await site.fetcher.look(site.client)
    await site.put(8, entry("7|أ|7", 2), chunk_too=False)
    assert not await site.fetcher.look(site.client)
    assert site.version() == 7
    await site.put(9, entry("7|أ|7", 2))
    assert await site.fetcher.look(site.client)
    assert site.version() == 9


async def test_what_a_stranger_put_there_is_refused_and_the_list_stays(site: Site) -> None:
    await site.put(7, entry("12345|أ|6", 1))
    await site.fetcher.look(site.client)
    await site.put(8, key=AgentKey(nkeys.encode_seed(b"x" * 32, nkeys.PREFIX_BYTE_SERVER).decode()))
    await site.fetcher.look(site.client)
    assert site.version() == 7
    await site.put(5, entry("7|أ|7", 2))
    await site.fetcher.look(site.client)
    assert site.version() == 7


async def test_a_server_without_the_bucket_is_asked_again(site: Site) -> None:
    await site.client.jetstream().delete_stream("KV_HL")
    assert not await site.fetcher.look(site.client)


async def test_a_hint_brings_an_edit_at_once(site: Site) -> None:
    running = asyncio.create_task(site.fetcher.run(site.client))
    try:
        await site.put(7, entry("12345|أ|6", 1))
        async with asyncio.timeout(30):
            while site.version() != 7:
                await site.client.publish("c.all.hl", b"{}")
                await asyncio.sleep(0.1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_hint_of_what_is_here_asks_for_nothing(site: Site) -> None:
    """Hubs say each hint more than once: the link pays only for news."""
    await site.put(7, entry("12345|أ|6", 1))
    await site.fetcher.look(site.client)
    assert site.lists.has({"main": 7, "toll": 3, "_lists": 9})
    assert not site.lists.has({"main": 8})


@pytest.mark.parametrize("hint", [b"", b"[]", b'{"main": "seven"}', b"{}"], ids=["empty", "list", "text", "nothing"])
async def test_a_hint_that_says_nothing_clear_is_news(site: Site, hint: bytes) -> None:
    await site.put(7, entry("12345|أ|6", 1))
    await site.fetcher.look(site.client)
    await site.fetcher._on_hint(Msg(site.client, subject="c.all.hl", data=b'{"main": 7}'))
    assert not site.fetcher._hinted.is_set()
    await site.fetcher._on_hint(Msg(site.client, subject="c.all.hl", data=hint))
    assert site.fetcher._hinted.is_set()
