"""The way to the hub put together from settings: a real nats-server, and a hub's part of the contract."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.store.samples import motion, open_store
from tests.agent.uplink.hub import TinyHub, membership
from tests.servers.nats_server import NatsServer
from vigie_agent.credentials import Credentials
from vigie_agent.health import Health
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.linking import make_uplink
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store
from vigie_agent.uplink.uplink import Uplink
from vigie_shared.clock import SystemClock


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def link(tmp_path: Path, server: NatsServer, store: Store) -> Uplink:
    settings, clock = AgentSettings(agent_id="edge", data_dir=tmp_path), SystemClock()
    credentials = Credentials(tmp_path, load_or_make_agent_key(tmp_path), membership(server.url))
    health = Health(store, "edge", tmp_path, [], interval_seconds=10, clock=clock)
    return make_uplink(settings, credentials, store, health, clock)


async def test_events_and_heartbeats_reach_the_hub(store: Store, server: NatsServer, link: Uplink) -> None:
    hub = TinyHub(server.url, "edge")
    tasks = [asyncio.create_task(hub.run()), asyncio.create_task(link.run())]
    for _ in range(3):
        store.record(motion())
    await hub.until(lambda: hub.watermark("mot") == 3 and hub.heartbeats)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
