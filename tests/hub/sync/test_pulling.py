"""Messages of a durable, from a real nats-server."""

import asyncio
import signal
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
from vigie_hub.sync.stream import bind, consumer_config
from vigie_shared import subjects

DEADLINE_SECONDS = 60.0
LONG_SECONDS = 600.0
"""What is waited for so long is waited for in vain."""


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


@pytest.mark.parametrize("spare_bytes", [1, 500], ids=["a-byte-left", "half-a-message-left"])
async def test_what_is_left_of_a_request_that_ended_for_its_bytes_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spare_bytes: int
) -> None:
    async with connected(tmp_path, 0) as client:
        await client.jetstream().publish("e.gate-1.lpr", bytes(1000))
        async with pull(client) as durable:
            (first,) = await durable.fetch()
            await first.ack()
        of_one = len(first.subject) + len(first.reply) + len(first.data)
        monkeypatch.setattr(pulling, "REQUEST_BYTES_MAX", 2 * of_one + spare_bytes)
        for _number in range(8):  # as nats-server counts, all as large as the first
            await client.jetstream().publish("e.gate-1.lpr", bytes(1000))
        found = 0
        async with asyncio.timeout(DEADLINE_SECONDS), pull(client, most=6, wait_seconds=LONG_SECONDS) as durable:
            while found < 8:
                for message in await durable.fetch():
                    await message.ack()
                    found += 1
            await until(lambda: _all_ended_but(durable, client))


async def _all_ended_but(durable: Pull, client: Client) -> bool:
    """No more is counted as asked for than the requests that stand ask for."""
    standing = (await client.jetstream().consumer_info(subjects.STREAM, subjects.DURABLE)).num_waiting or 0
    return durable._open <= 6 * standing


@asynccontextmanager
async def patient(tmp_path: Path, messages: int) -> AsyncIterator[Client]:
    """As `connected`; nothing comes again by itself."""
    async with connected(tmp_path, messages) as client:
        config = consumer_config(subjects.DURABLE)
        config.ack_wait = LONG_SECONDS
        await client.jetstream().add_consumer(subjects.STREAM, config)
        yield client


async def all_come(client: Client, wanted: int) -> None:
    found: set[bytes] = set()
    async with asyncio.timeout(DEADLINE_SECONDS), pull(client, wait_seconds=LONG_SECONDS) as durable:
        while len(found) < wanted:
            for message in await durable.fetch():
                found.add(message.data)
                await message.ack()


async def test_what_was_taken_and_not_acknowledged_comes_again_at_once(tmp_path: Path) -> None:
    async with patient(tmp_path, 5) as client:
        async with pull(client) as durable:
            taken = 0
            while taken < 5:
                taken += len(await durable.fetch())
        await all_come(client, 5)


async def test_what_is_on_its_way_when_a_pull_ends_comes_again_at_once(tmp_path: Path) -> None:
    async with patient(tmp_path, 50) as client:
        for _time in range(5):
            async with pull(client, most=50) as durable:
                await durable._ask()
        await all_come(client, 50)


async def test_an_end_in_the_middle_of_a_wait_is_an_end(tmp_path: Path) -> None:
    async with connected(tmp_path, 0) as client:
        waiting = asyncio.create_task(_wait_for_ever(client))
        await until(lambda: _is_asked(client))
        waiting.cancel()
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled()


async def _wait_for_ever(client: Client) -> None:
    async with pull(client, wait_seconds=LONG_SECONDS) as durable:
        await durable.fetch()


async def _is_asked(client: Client) -> bool:
    return bool((await client.jetstream().consumer_info(subjects.STREAM, subjects.DURABLE)).num_waiting)


@pytest.mark.parametrize("flood", [0, 64], ids=["idle", "with-much-to-send"])
async def test_a_dead_server_keeps_no_pull_from_ending(tmp_path: Path, flood: int) -> None:
    with NatsServer(tmp_path / "nats") as server:
        client = await nats.connect(server.url, pending_size=-1, allow_reconnect=False)
        await bind(client, NatsSettings(url=server.url), subjects.DURABLE)
        await publish(client, 5)
        assert server.process is not None
        try:
            async with asyncio.timeout(DEADLINE_SECONDS), pull(client) as durable:
                await durable.fetch()
                server.process.send_signal(signal.SIGSTOP)
                for _each in range(flood):
                    await client.publish("nobody", bytes(512 * 1024))
        finally:
            server.process.send_signal(signal.SIGCONT)
        await client.close()
