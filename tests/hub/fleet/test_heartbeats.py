import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from nats.aio.msg import Msg
from structlog.testing import capture_logs

from tests.hub.agents import EPOCH, NOON, until
from tests.hub.site import Site, open_site
from vigie_hub.bus.connection import Connection
from vigie_hub.fleet.census import Census
from vigie_hub.fleet.heartbeats import Heartbeats
from vigie_hub.fleet.registry import Registry
from vigie_shared import subjects
from vigie_shared.commands import COMMAND, ReportRequest
from vigie_shared.errors import StoreError
from vigie_shared.heartbeat_deltas import HeartbeatWriter
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
        Connection(site.server.url, site.keys.trust.hub_login()),
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


async def test_a_hub_that_missed_the_whole_asks_for_it_and_counts_the_sign_of_life(tmp_path: Path) -> None:
    alive: list[str] = []
    writer = HeartbeatWriter()
    asked: list[object] = []
    whole = Heartbeat.model_validate_json(heartbeat())
    writer.whole(whole)
    delta = writer.delta(whole.model_copy(update={"clips_kept": 7}))
    assert delta is not None
    async with (
        open_site(tmp_path, "gate-1") as site,
        listening(site, alive) as registry,
        site.agents[0].connected(site.server.url) as agent,
    ):

        async def answer(message: Msg) -> None:
            asked.append(COMMAND.validate_json(message.data))
            await agent.client.publish("p.gate-1", writer.whole(whole))
            await agent.client.publish("p.gate-1", writer.delta(whole.model_copy(update={"clips_kept": 7})) or b"")

        await agent.client.subscribe(subjects.command("gate-1"), cb=answer)
        await agent.client.flush()

        async def heard() -> bool:
            if not asked:
                await agent.client.publish("p.gate-1", delta)
            return alive != []

        await until(heard)
        assert registry.is_online("gate-1")
        assert asked == [ReportRequest()]

        async def told() -> bool:
            kept = await site.database.read(
                lambda connection: connection.execute("SELECT heartbeat FROM agents").fetchone()[0]
            )
            return kept is not None and Heartbeat.model_validate_json(kept).clips_kept == 7

        await until(told)


async def test_signs_of_life_without_news_are_kept_with_their_time(tmp_path: Path) -> None:
    alive: list[str] = []
    writer = HeartbeatWriter()
    beat = Heartbeat.model_validate_json(heartbeat())
    async with (
        open_site(tmp_path, "gate-1") as site,
        listening(site, alive),
        site.agents[0].connected(site.server.url) as agent,
    ):

        async def heard() -> bool:
            await agent.client.publish("p.gate-1", writer.whole(beat))
            return alive != []

        await until(heard)
        site.clock.move(60)
        alive.clear()
        same = writer.delta(beat.model_copy(update={"at": NOON + timedelta(seconds=61)}))

        async def heard_again() -> bool:
            await agent.client.publish("p.gate-1", same or b"")
            found = await site.database.read(
                lambda connection: connection.execute(
                    "SELECT agents.last_seen_at, said_at, newest FROM agents JOIN reports USING (agent_id)"
                ).fetchone()
            )
            return tuple(found) == ("2026-03-01T12:01:00.000Z", "2026-03-01T12:01:01.000Z", 7)

        await until(heard_again)
        assert alive[0] == "gate-1"


async def test_news_that_the_store_refused_are_stored_later(tmp_path: Path) -> None:
    alive: list[str] = []
    writer = HeartbeatWriter()
    beat = Heartbeat.model_validate_json(heartbeat())
    async with (
        open_site(tmp_path, "gate-1") as site,
        listening(site, alive),
        site.agents[0].connected(site.server.url) as agent,
    ):
        write, refusals = site.database.write, [StoreError("full"), StoreError("full")]

        async def refusing(change: Callable[[sqlite3.Connection], object]) -> object:
            if refusals:
                raise refusals.pop()
            return await write(change)

        site.database.write = refusing  # type: ignore[method-assign, assignment]
        whole = writer.whole(beat)

        async def is_refused() -> bool:
            if len(refusals) == 2:
                await agent.client.publish("p.gate-1", whole)
            return refusals == []

        with capture_logs() as logs:
            await until(is_refused)
        assert {line["event"] for line in logs if line["log_level"] == "error"} == {"heartbeats_not_stored"}

        async def is_stored() -> bool:
            return await site.count("agents WHERE heartbeat IS NOT NULL") == 1

        await until(is_stored)
