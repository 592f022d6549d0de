"""Edits in SQLite → bucket HL, on a real nats-server, with an agent's copy at the other end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.agents import NOON, StoppedClock, new_key, until
from tests.servers.nats_server import NatsServer, running_nats_server
from vigie_hub.database import Database
from vigie_hub.hotlists.entries import add, remove
from vigie_hub.hotlists.publisher import Publisher
from vigie_hub.hotlists.values import standings
from vigie_hub.hotlists.wishes import PlateWish
from vigie_hub.keys import PublicKey
from vigie_hub.settings import HotlistSettings
from vigie_shared.errors import WireError
from vigie_shared.hotlists.catalog import CatalogCopy
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.sealed import CATALOG_KEY, direct_get, head_key

KEY = new_key()


class House:
    """A hub's database, its publisher on a server, and one agent's copy."""

    def __init__(self, folder: Path, server: NatsServer, database: Database) -> None:
        self.folder, self.server, self.database = folder, server, database
        self.clock = StoppedClock()
        self.copy = ListCopy("main", PublicKey(KEY.public_key))
        self.hints: list[bytes] = []
        self.client: Client

    def publisher(self, client: Client) -> Publisher:
        return Publisher(client, self.database, KEY, self.clock, HotlistSettings())

    @asynccontextmanager
    async def publishing(self) -> AsyncIterator[Publisher]:
        client = await self.connect()
        publisher = self.publisher(client)
        running = asyncio.create_task(publisher.run())
        try:
            yield publisher
        finally:
            while not running.done():  # `asyncio.wait_for` of Python 3.11, in nats-py, can lose a cancellation
                running.cancel()
                await asyncio.wait([running], timeout=1)
            await client.close()

    async def connect(self) -> Client:
        return await nats.connect(
            self.server.url, reconnect_time_wait=0, max_reconnect_attempts=-1, error_cb=_ignore, connect_timeout=1
        )

    async def edit(self, text: str, reason: str = "stolen") -> str:
        return await self.database.write(lambda connection: add(connection, text, reason, "amal", self.clock.now()))

    async def follow(self) -> list[str]:
        """The agent looks; texts that it has."""
        head = await self.client.request(direct_get(head_key("main")), b"", timeout=5)
        if head.headers and head.headers.get("Status") == "404":
            return []
        self.copy.offer(head.data)
        while (key := self.copy.wanted()) is not None:
            value = await self.client.request(direct_get(key), b"", timeout=5)
            self.copy.feed(key, value.data)
        return self.copy.entries.texts

    async def has(self, *texts: str) -> bool:
        try:
            return sorted(await self.follow()) == sorted(texts)
        except (WireError, nats.errors.Error):
            return False


async def _ignore(error: Exception) -> None: ...


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    with running_nats_server(tmp_path / "nats") as server:
        async with Database(tmp_path / "hub.db") as database:
            house = House(tmp_path, server, database)
            house.client = await house.connect()

            async def hinted(message: Msg) -> None:
                house.hints.append(message.data)

            await house.client.subscribe("c.all.hl", cb=hinted)
            yield house
            await house.client.close()


async def test_an_edit_reaches_the_bucket_and_agents_get_a_hint(house: House) -> None:
    async with house.publishing():
        await until(lambda: house.has())
        before = len(house.hints)
        entry_id = await house.edit("12345|أ|6")
        await until(lambda: house.has("12345|أ|6"))
        assert house.copy.entries.id_of(0) == entry_id
        await house.database.write(lambda connection: remove(connection, entry_id, "amal", NOON))
        await until(lambda: house.has())
        assert len(house.hints) > before


async def test_an_edit_that_a_dead_hub_had_signed_or_not_is_published_by_the_next(house: House) -> None:
    """The hub dies after the edit, and after the signing: never is an edit lost, never a value made twice."""
    async with house.publishing():
        await until(lambda: house.has())
    await house.edit("1|أ|1")
    async with house.publishing():
        await until(lambda: house.has("1|أ|1"))
    version = house.copy.version
    await house.edit("2|أ|2")
    client = await house.connect()
    dying = house.publisher(client)
    (standing,) = await house.database.read(standings)
    await dying._tell(standing)  # signed into the table, and then the power goes
    await client.close()
    assert await house.has("1|أ|1")
    async with house.publishing():
        await until(lambda: house.has("1|أ|1", "2|أ|2"))
    assert house.copy.version == version + 1


async def test_a_wiped_server_gets_everything_again_under_the_same_version(house: House) -> None:
    async with house.publishing():
        await house.edit("1|أ|1")
        await until(lambda: house.has("1|أ|1"))
        version = house.copy.version
        await asyncio.to_thread(house.server.kill)
        house.server.wipe()
        await asyncio.to_thread(house.server.start)
        house.copy = ListCopy("main", PublicKey(KEY.public_key))
        await until(lambda: house.has("1|أ|1"))
        assert house.copy.version == version


async def test_a_hub_restored_from_a_copy_goes_on_above_what_agents_have(house: House, tmp_path: Path) -> None:
    async with house.publishing():
        await house.edit("1|أ|1")
        await until(lambda: house.has("1|أ|1"))
        await house.edit("2|أ|2")
        await until(lambda: house.has("1|أ|1", "2|أ|2"))
    version = house.copy.version
    async with Database(tmp_path / "restored.db") as database:
        house.database = database
        house.clock.move(60)
        await house.edit("3|أ|3")
        async with house.publishing():
            await until(lambda: house.has("3|أ|3"))
    assert house.copy.version > version


async def test_a_list_is_signed_anew_while_nothing_changes(house: House) -> None:
    async with house.publishing():
        await house.edit("1|أ|1")
        await until(lambda: house.has("1|أ|1"))
        version = house.copy.version
        house.clock.move(16 * 60)

        async def is_young() -> bool:
            await house.follow()
            return house.copy.age_seconds(house.clock.now()) == 0

        await until(is_young)
        assert house.copy.version == version


async def test_lists_live_beside_each_other(house: House) -> None:
    async with house.publishing():
        wish = PlateWish("7|ب|7", "unpaid", "toll", rules=("6/5",), severity=1)
        await house.edit("1|أ|1")
        await house.database.write(lambda connection: add(connection, wish.text, wish.reason, "amal", NOON, wish))
        await until(lambda: house.has("1|أ|1"))
        house.copy = ListCopy("toll", PublicKey(KEY.public_key))

        async def toll_is_there() -> bool:
            head = await house.client.request(direct_get("toll.head"), b"", timeout=5)
            return not (head.headers and head.headers.get("Status") == "404")

        await until(toll_is_there)


async def test_the_catalog_follows_each_edit_and_survives_a_wiped_server_and_a_restored_hub(
    house: House, tmp_path: Path
) -> None:
    """An agent that watches nothing but the catalog is never behind, and no catalog of before counts again."""
    catalog = CatalogCopy(PublicKey(KEY.public_key))

    async def offers(*names: str) -> bool:
        try:
            reply = await house.client.request(direct_get(CATALOG_KEY), b"", timeout=5)
            catalog.feed(reply.data)
        except (WireError, nats.errors.Error):
            return False
        return [one.list_id for one in catalog.offered] == list(names)

    wish = PlateWish("7|ب|7", "unpaid", "toll")
    async with house.publishing():
        await house.edit("1|أ|1")
        await until(lambda: offers("main"))
        entry_id = await house.database.write(lambda connection: add(connection, "", "", "amal", NOON, wish))
        await until(lambda: offers("main", "toll"))
        await house.database.write(lambda connection: remove(connection, entry_id, "amal", NOON))
        await until(lambda: offers("main"))
        version = catalog.label and catalog.label.version
        await asyncio.to_thread(house.server.kill)
        house.server.wipe()
        await asyncio.to_thread(house.server.start)
        await until(lambda: offers("main"), 60)
        assert catalog.label is not None
        assert catalog.label.version == version
    async with Database(tmp_path / "restored.db") as database:
        house.database = database
        await database.write(lambda connection: add(connection, "", "", "amal", NOON, wish))
        async with house.publishing():
            await until(lambda: offers("toll"))
    assert catalog.label.version > (version or 0)


async def test_reasons_and_names_stay_at_the_hub(house: House) -> None:
    async with house.publishing():
        await house.edit("1|أ|1", "the stolen car of someone")
        await until(lambda: house.has("1|أ|1"))
    found = b"".join(path.read_bytes() for path in (house.folder / "nats").rglob("*") if path.is_file())
    assert b"main.head" in found
    assert b"someone" not in found
    assert b"amal" not in found
