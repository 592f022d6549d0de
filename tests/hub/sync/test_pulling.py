"""Messages of a durable, from a real nats-server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client

from tests.hub.agents import until
from tests.servers.nats_server import NatsServer
from vigie_hub.settings import NatsSettings
from vigie_hub.sync import pulling
from vigie_hub.sync.pulling import Pull
from vigie_hub.sync.stream import bind
from vigie_shared import subjects


@asynccontextmanager
async def connected(tmp_path: Path, messages: int) -> AsyncIterator[Client]:
    """A client of a server whose stream holds so many messages."""
    with NatsServer(tmp_path / "nats") as server:
        client = await nats.connect(server.url)
        await bind(client, NatsSettings(url=server.url), subjects.DURABLE)
        await publish(client, messages)
        yield client
        await client.close()


async def publish(client: Client, messages: int) -> None:
    for number in range(messages):
        await client.jetstream().publish("e.gate-1.lpr", f"{number}".encode())


def pull(client: Client, most: int = 10, wait_seconds: float = 5.0) -> Pull:
    return Pull(client, subjects.STREAM, subjects.DURABLE, most, wait_seconds)


async def test_everything_comes_once_and_in_order_however_much_there_is(tmp_path: Path) -> None:
    async with connected(tmp_path, 35) as client, pull(client) as durable:
        found: list[bytes] = []
        while len(found) < 35:
            taken = await durable.fetch()
            assert 1 <= len(taken) <= 10
            for message in taken:
                found.append(message.data)
                await message.ack()
        assert found == [f"{number}".encode() for number in range(35)]


async def test_what_comes_later_is_handed_over_without_a_new_request(tmp_path: Path) -> None:
    async with connected(tmp_path, 0) as client, pull(client) as durable:
        for _round in range(3):
            await publish(client, 1)
            assert [message.data for message in await durable.fetch()] == [b"0"]


async def test_nothing_in_time_is_a_timeout_and_the_next_request_is_answered(tmp_path: Path) -> None:
    async with connected(tmp_path, 0) as client, pull(client, wait_seconds=0.1) as durable:
        with pytest.raises(TimeoutError):
            await durable.fetch()
        await publish(client, 1)
        assert len(await durable.fetch()) == 1


async def test_a_durable_that_is_gone_is_an_error(tmp_path: Path) -> None:
    async with connected(tmp_path, 1) as client, pull(client) as durable:
        await durable.fetch()
        await client.jetstream().delete_consumer(subjects.STREAM, subjects.DURABLE)
        with pytest.raises(nats.errors.Error, match=r"409 Consumer Deleted|503"):
            await durable.fetch()


async def test_what_was_not_taken_comes_again_at_once(tmp_path: Path) -> None:
    async with connected(tmp_path, 12) as client:
        async with pull(client, most=8) as durable:
            taken = 0
            while taken < 4:  # half of them: then it asks for the rest
                for message in await durable.fetch():
                    await message.ack()
                    taken += 1
            await until(lambda: _at_hand(durable, 12 - taken))
        async with pull(client) as durable:
            again: list[bytes] = []
            while len(again) < 12 - taken:
                again += [message.data for message in await durable.fetch()]
        assert sorted(map(int, again)) == [*range(taken, 12)]  # nats-server gives back in no order


async def _at_hand(durable: Pull, wanted: int) -> bool:
    return len(durable._arrived) == wanted


async def test_large_messages_come_by_what_fits_and_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulling, "REQUEST_BYTES_MAX", 25_000)
    async with connected(tmp_path, 0) as client, pull(client) as durable:
        for _number in range(30):
            await client.jetstream().publish("e.gate-1.lpr", bytes(10_000))
        found = 0
        while found < 30:
            taken = await durable.fetch()
            found += len(taken)
            for message in taken:
                await message.ack()
        assert found == 30
