"""The whole way from the store to a hub, over a real nats-server that is killed, wiped and restarted."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import nats
import nkeys
import pytest

from tests.agent.store.samples import clip, motion, open_store, read, settle
from tests.agent.uplink.hub import HUB_SEED, TinyHub, membership
from tests.servers.nats_server import NatsServer, settled
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey, HubKey
from vigie_agent.store import Store
from vigie_agent.uplink.commands import CommandDesk
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.settings import UplinkSettings
from vigie_agent.uplink.uplink import Uplink
from vigie_shared import subjects
from vigie_shared.clock import SystemClock
from vigie_shared.commands import COMMAND_REPLY, CropReply, CropRequest, HoldReply, Refused, Reporting

KEY = AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode())
HUB_KEY = AgentKey(HUB_SEED).public_key
QUICK = UplinkSettings(
    batch_events_max=7, linger_seconds=0.0, ack_seconds=2.0, ask_seconds=0.2, reconnect_seconds_max=1.0
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "data")
    yield store
    store.close()


@contextlib.asynccontextmanager
async def running(*services: Any) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(service.run()) for service in services]
        try:
            yield
        finally:
            for task in started:
                task.cancel()


def uplink(store: Store, url: str, key: AgentKey = KEY, settings: UplinkSettings = QUICK) -> Uplink:
    outbox = Outbox(settings.flights_max)
    desk = ReceiptDesk(store, "edge", HubKey(HUB_KEY), outbox, ask_seconds=settings.ask_seconds)
    publisher = Publisher(store, "edge", outbox, settings, SystemClock())
    credentials = Credentials(Path(), key, membership(url))
    connection = Connection(credentials, reconnect_seconds_max=settings.reconnect_seconds_max)
    return Uplink(connection, publisher, desk, [CommandDesk("edge", store).run])


def record(store: Store, count: int) -> None:
    for number in range(count):
        store.record(motion())
        if number % 3 == 0:
            store.record_read(read(), b"jpeg")
        if number % 10 == 0:
            store.keep_clip(clip())


async def until_receipted(store: Store, hub: TinyHub) -> None:
    """Wait until the store holds receipts for everything that was recorded."""
    await asyncio.to_thread(settle, store)
    async with asyncio.timeout(30):
        while await asyncio.to_thread(lambda: store.receipted() != store.newest()):
            async with hub.changed:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await hub.changed.wait()


async def same(store: Store, hub: TinyHub) -> bool:
    """Whether the hub has exactly what the store wrote."""
    return await asyncio.to_thread(_same, store, hub)


def _same(store: Store, hub: TinyHub) -> bool:
    return all(
        hub.rows[lane] == {row.seq: row.event for row in store.outbox_after(lane, 0, 100_000)}
        for lane in store.newest()
    )


async def test_everything_arrives_in_order_and_is_receipted(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    record(store, 40)
    async with running(hub, uplink(store, server.url)):
        await until_receipted(store, hub)
        record(store, 40)
        await until_receipted(store, hub)
    assert await same(store, hub)
    assert hub.batches < 80


async def test_a_restarted_agent_sends_nothing_twice(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    record(store, 20)
    async with running(hub):
        async with running(uplink(store, server.url)):
            await until_receipted(store, hub)
        batches = hub.batches
        async with running(uplink(store, server.url)):
            store.record(motion())
            await until_receipted(store, hub)
    assert hub.batches == batches + 1
    assert await same(store, hub)


async def test_a_server_killed_in_the_middle_loses_and_doubles_nothing(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    record(store, 150)
    async with running(hub, uplink(store, server.url)):
        for share in (20, 60, 110):
            await hub.until(lambda share=share: hub.watermark("mot") >= share)
            await asyncio.to_thread(server.restart)
            record(store, 20)
        await until_receipted(store, hub)
    assert await same(store, hub)


async def test_a_wiped_stream_is_filled_again(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    async with running(uplink(store, server.url)):
        async with running(hub):
            record(store, 10)
            await hub.until(lambda: hub.watermark("mot") == 10)
        record(store, 30)
        await asyncio.to_thread(settle, store)
        await _until_stream_holds(server, messages=10)
        await asyncio.to_thread(server.kill)
        server.wipe()
        await asyncio.to_thread(server.start)
        async with running(hub):
            await until_receipted(store, hub)
    assert await same(store, hub)


async def _until_stream_holds(server: NatsServer, messages: int) -> None:
    client = await nats.connect(server.url)
    try:
        async with asyncio.timeout(20):
            while (await client.jetstream().stream_info(subjects.STREAM)).state.messages < messages:
                await settled(client)
    finally:
        await client.close()


async def test_a_hub_restored_from_an_older_copy_gets_the_rest_again(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    record(store, 30)
    async with running(hub, uplink(store, server.url)):
        await until_receipted(store, hub)
        for lane in hub.rows:
            hub.rows[lane] = {seq: event for seq, event in hub.rows[lane].items() if seq <= 2}
        await hub.say(hub.receipt())
        expected = await asyncio.to_thread(store.newest)
        await hub.until(lambda: all(hub.watermark(lane) == seq for lane, seq in expected.items()))
    assert await same(store, hub)


async def test_a_hub_that_is_down_at_the_start_gets_everything_later(
    store: Store, server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    hub = TinyHub(server.url, "edge")
    record(store, 10)
    async with running(uplink(store, server.url)):
        await asyncio.to_thread(server.start)
        async with running(hub):
            await until_receipted(store, hub)
    assert await same(store, hub)


async def test_a_forged_receipt_frees_nothing_and_is_one_line(
    store: Store, server: NatsServer, capsys: pytest.CaptureFixture[str]
) -> None:
    forger = AgentKey(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_SERVER).decode())
    hub = TinyHub(server.url, "edge", signer=forger)
    record(store, 5)
    async with running(hub, uplink(store, server.url)):
        await hub.until(lambda: hub.watermark("mot") == 5 and hub.questions >= 3)
        await hub.say(b"no receipt at all")
        store.record(motion())
        await hub.until(lambda: hub.watermark("mot") == 6)
    assert set((await asyncio.to_thread(store.receipted)).values()) == {0}
    assert _warnings(capsys.readouterr().out, "not signed by this agent's hub") == 1


async def test_a_receipt_of_another_epoch_frees_nothing(store: Store, server: NatsServer) -> None:
    hub = TinyHub(server.url, "edge")
    record(store, 3)
    desk = ReceiptDesk(store, "edge", HubKey(HUB_KEY), Outbox(), ask_seconds=1)
    hub.rows["mot"] = {1: motion()}
    hub._epoch = "f" * 22
    assert not await desk._take(hub.receipt(), pushed=True)
    assert set((await asyncio.to_thread(store.receipted)).values()) == {0}


def _warnings(output: str, text: str) -> int:
    return sum("[warning" in line and text in line for line in output.splitlines())


async def _until_said(capsys: pytest.CaptureFixture[str], text: str) -> str:
    said = ""
    async with asyncio.timeout(20):
        while text not in said:
            said += capsys.readouterr().out
            await asyncio.sleep(0.02)
    return said


async def test_the_hub_gets_the_picture_of_a_read_and_a_reason_where_there_is_none(
    store: Store, server: NatsServer
) -> None:
    seen = read()
    store.record_read(seen, b"\xff\xd8jpeg")
    hub = TinyHub(server.url, "edge")
    async with running(hub, uplink(store, server.url)):
        await until_receipted(store, hub)
        client = await nats.connect(server.url)

        async def ask(payload: bytes) -> CropReply | HoldReply | Reporting | Refused:
            reply = await client.request(subjects.command("edge"), payload, timeout=5)
            return COMMAND_REPLY.validate_json(reply.data)

        found = await ask(CropRequest(read_id=seen.read_id).model_dump_json().encode())
        missing = await ask(CropRequest(read_id="0" * 22).model_dump_json().encode())
        odd = await ask(b'{"command": "reboot"}')
        await client.close()
    assert isinstance(found, CropReply)
    assert found.jpeg == b"\xff\xd8jpeg"
    assert isinstance(missing, Refused)
    assert isinstance(odd, Refused)
