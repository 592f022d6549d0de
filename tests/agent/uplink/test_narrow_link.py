"""The whole way through a narrow link: a real nats-server, a real store, and a relay of 64 kbit/s between them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import nats
import pytest

from tests.agent.store.samples import motion, open_store, read, settle
from tests.agent.uplink.hub import HUB_SEED, TinyHub
from tests.hits import plate_hit
from tests.servers.nats_server import NatsServer, nats_server
from tests.servers.relay import Relay, Way
from vigie_agent.keys import AgentKey, HubKey
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.commands import CommandDesk
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.settings import UplinkSettings
from vigie_shared import subjects
from vigie_shared.clock import SystemClock
from vigie_shared.commands import COMMAND_REPLY, CropRequest, Refused, Reporting
from vigie_shared.events import PlateHit

__all__ = ["nats_server"]

EVENTS = 300
RATE_KBPS = 64
RATE = RATE_KBPS * 125
QUICK = UplinkSettings(linger_seconds=0.0, ask_seconds=1.0)


def hit() -> PlateHit:
    return plate_hit(read())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def relay() -> Relay:
    return Relay(Way(RATE, 0.02, 64 * 1024), Way(RATE, 0.02, 64 * 1024))


@contextlib.asynccontextmanager
async def agent(store: Store, port: int, budget: LinkBudget) -> AsyncIterator[None]:
    """All that speaks over one connection."""
    client = await nats.connect(f"nats://127.0.0.1:{port}", inbox_prefix=subjects.inbox_prefix("edge"))
    outbox, asked = Outbox(QUICK.flights_max), asyncio.Event()
    desk = ReceiptDesk(store, "edge", HubKey(AgentKey(HUB_SEED).public_key), outbox, ask_seconds=1, budget=budget)
    publisher = Publisher(store, "edge", outbox, QUICK, SystemClock(), budget)
    desk.on_receipt = publisher.wake

    async def publish() -> None:
        await asked.wait()
        await publisher.run(client)

    try:
        async with asyncio.TaskGroup() as tasks:
            commands = CommandDesk("edge", store, budget)
            running = [tasks.create_task(one) for one in (desk.run(client, asked), publish(), commands.run(client))]
            yield
            for task in running:
                task.cancel()
    finally:
        await client.close()


async def test_a_picture_that_has_no_turn_holds_up_no_other_request(
    store: Store, nats_server: NatsServer, relay: Relay
) -> None:
    seen = read()
    store.record_read(seen, bytes(5_000))
    await asyncio.to_thread(settle, store)
    budget = LinkBudget(LinkSettings(kind="lte", metered_priorities=("hit", "gap", "heartbeat")))
    hub = TinyHub(nats_server.url, "edge")
    async with relay.running(nats_server.port), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(hub.run())
        client = await nats.connect(nats_server.url)
        async with asyncio.timeout(60), agent(store, relay.port, budget):
            await hub.until(lambda: hub.questions > 0)

            async def ask(payload: bytes) -> object:
                reply = await client.request(subjects.command("edge"), payload, timeout=30)
                return COMMAND_REPLY.validate_json(reply.data)

            picture = tasks.create_task(ask(CropRequest(read_id=seen.read_id).model_dump_json().encode()))
            assert await ask(b'{"command": "report"}') == Reporting()
            assert not picture.done()
            told = await picture
            assert isinstance(told, Refused)
            assert told.retryable
        await client.close()
        serving.cancel()


async def test_a_hit_overtakes_a_backlog_and_a_request_is_answered_meanwhile(
    store: Store, nats_server: NatsServer, relay: Relay
) -> None:
    for _event in range(EVENTS):
        store.record(motion())
    await asyncio.to_thread(settle, store)
    hub = TinyHub(nats_server.url, "edge")
    budget = LinkBudget(LinkSettings(kind="lte", rate_kbps=RATE_KBPS))
    async with relay.running(nats_server.port), asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(hub.run())
        async with asyncio.timeout(60), agent(store, relay.port, budget):
            await hub.until(lambda: hub.watermark("mot") > 0)
            store.record(hit())
            client = await nats.connect(nats_server.url)
            request = CropRequest(read_id="0" * 22).model_dump_json().encode()
            answer = await client.request(subjects.command("edge"), request, timeout=20)
            assert isinstance(COMMAND_REPLY.validate_json(answer.data), Refused)
            await hub.until(lambda: hub.watermark("hit") == 1)
            assert hub.watermark("mot") < EVENTS, "the hit waited for the backlog"
            waiting = {queue.priority for queue in budget.report().queue}
            assert waiting <= {"motion"}
            await hub.until(lambda: hub.watermark("mot") == EVENTS)
            await client.close()
        serving.cancel()
    assert relay.up.worst_excess(RATE, 10.0) < 0.05
