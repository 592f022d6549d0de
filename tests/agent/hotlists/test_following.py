"""An agent that follows every list, against a real nats-server on which a real hub publishes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import nats
import nkeys
import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from tests.agent.store.samples import FixedClock
from tests.hub.agents import new_key, until
from tests.servers.nats_server import NatsServer, running_nats_server
from vigie_agent.hotlists.fetcher import HotlistFetcher
from vigie_agent.hotlists.lists import ALL, Bounds, Hotlists, on_disk
from vigie_agent.uplink.budget import LinkBudget
from vigie_hub.database import Database
from vigie_hub.hotlists.entries import add, drop
from vigie_hub.hotlists.publisher import REMINDER_SECONDS, Publisher
from vigie_hub.hotlists.wishes import PlateWish
from vigie_hub.settings import HotlistSettings
from vigie_shared.hotlists.catalog import Offered, encode
from vigie_shared.hotlists.sealed import CATALOG_KEY, HINT, Catalog, seal, subject_of
from vigie_shared.subjects import hotlists_changed

KEY = new_key(nkeys.PREFIX_BYTE_SERVER)
LISTS = ("main", "city", "toll")


class City:
    """A hub with lists, and the way of one agent to them."""

    def __init__(self, folder: Path, server: NatsServer, database: Database, client: Client) -> None:
        self.folder, self.server, self.database, self.client = folder, server, database, client
        self.clock = FixedClock()
        self.publisher = Publisher(client, database, KEY, self.clock, HotlistSettings())

    async def want(self, list_id: str, *serials: int) -> None:
        for serial in serials:
            wish = PlateWish(f"{serial}|أ|6", "stolen", list_id)
            await self.database.write(lambda connection, w=wish: add(connection, "", "", "amal", self.clock.at, w))  # type: ignore[misc]
        await self.publisher.look()

    async def drop(self, list_id: str) -> None:
        await self.database.write(lambda connection: drop(connection, list_id, "amal", self.clock.at))
        await self.publisher.look()

    async def put(self, data: bytes) -> None:
        await self.client.jetstream().publish(subject_of(CATALOG_KEY), data)

    async def lists(self, bounds: Bounds | None = None) -> Hotlists:
        lists = Hotlists(self.folder / "edge", ALL, self.clock, 86_400, bounds)
        await asyncio.to_thread(lists.trust, KEY.public_key)
        return lists

    def fetcher(self, lists: Hotlists, look_seconds: float = 600) -> HotlistFetcher:
        return HotlistFetcher(lists, LinkBudget.unlimited(), self.clock, look_seconds=look_seconds)

    def hits(self, lists: Hotlists, serial: int) -> list[str]:
        return [one.list_id for one in lists.find(f"{serial}|أ|6", uncertain=False, at=self.clock.at)]


@pytest.fixture
async def city(tmp_path: Path) -> AsyncIterator[City]:
    (tmp_path / "edge").mkdir()
    with running_nats_server(tmp_path / "nats") as server:
        client = await nats.connect(server.url)
        async with Database(tmp_path / "hub.db") as database:
            city = City(tmp_path, server, database, client)
            await city.publisher._open_bucket()
            for number, list_id in enumerate(LISTS, 1):
                await city.want(list_id, number)
            yield city
        await client.close()


@asynccontextmanager
async def running(city: City, lists: Hotlists) -> AsyncIterator[None]:
    client = await nats.connect(city.server.url)
    task = asyncio.create_task(city.fetcher(lists).run(client))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await client.close()


class Counting(Client):
    """Counts what is asked for."""

    asked = 0

    async def request(self, *of: object, **more: object) -> object:  # type: ignore[override]
        self.asked += 1
        return await super().request(*of, **more)  # type: ignore[arg-type]


async def test_all_lists_are_followed_new_ones_and_gone_ones_at_a_hint(city: City) -> None:
    lists = await city.lists()
    async with running(city, lists):

        async def hits(serial: int, *names: str) -> bool:
            return city.hits(lists, serial) == list(names)

        async def off_the_disk() -> bool:
            return not list((city.folder / "edge" / "hotlists").glob("toll.*"))

        for number, list_id in enumerate(LISTS, 1):
            await until(lambda n=number, name=list_id: hits(n, name), 60)  # type: ignore[misc]
        await city.want("weekend", 7)
        await until(lambda: hits(7, "weekend"), 60)
        await city.drop("toll")
        await until(lambda: hits(3), 60)
        await until(off_the_disk, 60)
        assert city.hits(lists, 1) == ["main"]


async def test_what_is_followed_is_known_without_a_link_after_a_restart_and_by_status(city: City) -> None:
    assert await city.fetcher(await city.lists()).look(city.client)
    await city.drop("toll")
    assert await city.fetcher(await city.lists()).look(city.client)
    again = await city.lists()
    assert [city.hits(again, number) for number in (1, 2, 3)] == [["main"], ["city"], []]
    found = await asyncio.to_thread(on_disk, city.folder / "edge", KEY.public_key, ALL, city.clock.at)
    assert list(found) == ["main", "city"]


async def test_a_look_with_nothing_new_is_one_request_and_makes_every_copy_young(city: City) -> None:
    client = Counting()
    await client.connect(city.server.url)
    lists = await city.lists()
    assert await city.fetcher(lists).look(client)
    city.clock.at += timedelta(minutes=20)
    await city.publisher.look()
    client.asked = 0
    assert await city.fetcher(lists).look(client)
    assert client.asked == 1
    assert [age for _version, _entries, age in lists.ages().values()] == [0, 0, 0]
    await client.close()


@pytest.mark.parametrize("forged", [True, False])
async def test_a_lying_server_can_neither_add_a_list_nor_bring_back_one_that_is_gone(city: City, forged: bool) -> None:
    lists = await city.lists()
    assert await city.fetcher(lists).look(city.client)
    before = await city.client.jetstream().get_last_msg("KV_HL", subject_of(CATALOG_KEY))
    await city.drop("toll")
    assert await city.fetcher(lists).look(city.client)
    stranger = new_key(nkeys.PREFIX_BYTE_SERVER)
    label = Catalog(version=1 << 50, issued_at=city.clock.at)
    await city.put(seal(label, encode([Offered("toll", 1, 60)]), stranger) if forged else before.data or b"")
    with capture_logs() as told:
        assert await city.fetcher(lists).look(city.client)
    assert [line["event"] for line in told if line["log_level"] == "warning"] == ["hotlist refused"]
    assert lists.list_ids == ("main", "city")
    assert city.hits(lists, 3) == []


async def test_a_hub_without_a_catalog_is_followed_as_ever(city: City) -> None:
    await city.client.jetstream().purge_stream("KV_HL", subject=subject_of(CATALOG_KEY))
    lists = await city.lists()
    assert await city.fetcher(lists).look(city.client)
    assert (city.hits(lists, 1), city.hits(lists, 2)) == (["main"], [])


async def test_an_agent_that_names_its_lists_asks_for_no_catalog(city: City) -> None:
    client = Counting()
    await client.connect(city.server.url)
    lists = Hotlists(city.folder / "edge", ["city"], city.clock, 86_400)
    await asyncio.to_thread(lists.trust, KEY.public_key)
    assert await city.fetcher(lists).look(client)
    assert client.asked == 2  # a head and a list
    assert (city.hits(lists, 1), city.hits(lists, 2)) == ([], ["city"])
    await client.close()


async def test_lists_beyond_the_most_are_left_out_main_stays_and_one_line_says_so(city: City) -> None:
    lists = await city.lists(Bounds(lists=2))
    with capture_logs() as told:
        for _look in range(2):
            assert await city.fetcher(lists).look(city.client)
    assert lists.list_ids == ("main", "city")
    (line,) = [line for line in told if line["log_level"] == "warning"]
    assert (line["count"], line["lists_max"]) == (1, 2)


@pytest.mark.parametrize("bounds", [Bounds(plates=42), Bounds(bytes=1_900)])
async def test_a_list_that_is_too_large_is_left_out_until_there_is_room(city: City, bounds: Bounds) -> None:
    lists = await city.lists(bounds)
    with capture_logs() as told:
        assert await city.fetcher(lists).look(city.client)
        await city.want("city", *range(100, 140))
        for _look in range(3):
            assert await city.fetcher(lists).look(city.client)
    assert [city.hits(lists, number) for number in (1, 2, 100, 3)] == [["main"], [], [], ["toll"]]
    (line,) = [line for line in told if line["log_level"] == "warning"]
    assert line["list_id"] == "city"
    assert not list((city.folder / "edge" / "hotlists").glob("city.*"))
    await city.drop("toll")
    assert await city.fetcher(lists).look(city.client)
    assert [city.hits(lists, number) for number in (1, 2, 100, 3)] == [["main"], ["city"], ["city"], []]


async def test_a_hint_is_said_three_times_and_only_the_first_asks_for_anything(city: City) -> None:
    """One that is lost on the way delays a removed plate by seconds, not until the next look."""
    hints = await city.client.subscribe(hotlists_changed())
    lists = await city.lists()
    told: list[list[dict[str, int]]] = []
    await city.drop("toll")
    assert await city.fetcher(lists).look(city.client)
    for seconds in (0, *REMINDER_SECONDS, 300):
        city.clock.at += timedelta(seconds=seconds)
        await city.publisher.look()
        await city.client.publish(hotlists_changed(), b"{}")
        told.append([])
        while versions := HINT.validate_json((await hints.next_msg(30)).data):
            told[-1].append(versions)
    assert [len(some) for some in told] == [1, 1, 1, 0]
    assert all(lists.has(versions) for some in told for versions in some)
    await city.want("toll", 9)
    assert not lists.has(HINT.validate_json((await hints.next_msg(30)).data))
