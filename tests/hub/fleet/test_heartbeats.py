import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.hub.agents import EPOCH, NOON, until
from tests.hub.site import Site, open_site
from vigie_hub.fleet.census import Census
from vigie_hub.fleet.heartbeats import HEARTBEAT_BYTES_MAX, Heartbeats, decode
from vigie_hub.fleet.registry import Registry
from vigie_shared.errors import WireError
from vigie_shared.heartbeats import Heartbeat


def heartbeat(agent_id: str = "gate-1") -> bytes:
    beat = Heartbeat(
        agent_id=agent_id,
        epoch=EPOCH,
        version="0.1.0",
        at=NOON,
        interval_seconds=10,
        newest={"lpr": 7},
        clips_kept=3,
        clips_bytes=900,
    )
    return beat.model_dump_json().encode()


@asynccontextmanager
async def listening(site: Site, alive: list[str]) -> AsyncIterator[Registry]:
    registry = Registry()
    census = Census(site.database, registry, site.clock, site.told.append)
    await census.look()
    heartbeats = Heartbeats(
        site.connection.client,
        site.database,
        registry,
        site.clock,
        announce=census.announce,
        alive=alive.append,
        tell=site.told.append,
    )
    running = asyncio.create_task(heartbeats.run())
    try:
        yield registry
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_heartbeat_makes_an_agent_online_and_is_kept(tmp_path: Path) -> None:
    alive: list[str] = []
    async with open_site(tmp_path, "gate-1") as site, listening(site, alive) as registry:
        async with site.agents[0].connected(site.server.url) as agent:

            async def heard() -> bool:
                await agent.client.publish("p.gate-1", heartbeat())
                return alive != []

            await until(heard)
        assert registry.is_online("gate-1")
        row = await site.database.read(lambda connection: tuple(connection.execute("SELECT * FROM agents").fetchone()))
        assert "2026-03-01T12:00:00.000Z" in row
        assert 30.0 in row


async def test_heartbeat_of_someone_else_counts_for_nobody(tmp_path: Path) -> None:
    alive: list[str] = []
    async with open_site(tmp_path, "gate-1", "gate-2") as site, listening(site, alive) as registry:
        async with site.agents[0].connected(site.server.url) as forger:
            await until(lambda: _heard(site, forger.client.publish("p.gate-1", heartbeat("gate-2")), alive))
        assert alive == ["gate-1"]
        assert not registry.is_online("gate-2")


async def _heard(site: Site, forged: object, alive: list[str]) -> bool:
    """Send a forged heartbeat, then an honest one behind it, so that the forged one was surely looked at."""
    await forged  # type: ignore[misc]
    client = site.agents[0].client
    await client.publish("p.gate-1", heartbeat())
    return bool(alive)


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"{}", b"[" * 1000, heartbeat("gate-2"), b" " * HEARTBEAT_BYTES_MAX + b"{}"]
)
def test_malformed_heartbeat_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode("p.gate-1", payload)
