"""Holds on clips at the edge: the real agent's desk and store answer, over a real nats-server."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.agent.store import samples
from tests.hub.agents import NOON, until
from tests.hub.site import Site, open_site
from vigie_agent.store import Store, repair
from vigie_agent.uplink.commands import CommandDesk
from vigie_hub.fleet.holds import EdgeHolds, ask
from vigie_hub.sync.projector import project
from vigie_shared.batches import Batch
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CommandError

AGENT = "gate-1"


def kept_clip(store: Store) -> str:
    kept = samples.clip(1000)
    store.keep_clip(kept)
    samples.settle(store)
    return kept.clip_id


@asynccontextmanager
async def agent_at_work(site: Site, store: Store) -> AsyncIterator[None]:
    async with site.agents[0].connected(site.server.url) as agent:
        running = asyncio.create_task(CommandDesk(AGENT, store).run(agent.client))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def asking(site: Site) -> AsyncIterator[EdgeHolds]:
    holds = EdgeHolds(site.connection.client, site.database, site.clock, site.told.append)
    running = asyncio.create_task(holds.run())
    try:
        yield holds
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def tell_hub(site: Site, store: Store) -> None:
    """The hub learns of the agent's clips."""
    events = [row.event for row in await asyncio.to_thread(store.outbox_after, "clip", 0, 100)]
    batch = Batch(agent_id=AGENT, epoch=store.epoch, lane="clip", first_seq=1, events=tuple(events))
    await site.database.write(lambda connection: project(connection, batch, NOON))


async def answers(site: Site) -> list[tuple[str, str, int, str | None]]:
    rows = await site.database.read(
        lambda connection: connection.execute("SELECT clip_id, kind, wanted, answer FROM edge_holds").fetchall()
    )
    return [tuple(row) for row in rows]


def held(store: Store) -> list[tuple[str, str]]:
    return [(hold.clip_id, hold.kind) for hold in store._reader.holds()]


def opened(folder: Path) -> Store:
    return Store(folder, AGENT, keep_bytes_max=10**9, clock=SystemClock())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = opened(tmp_path / "edge")
    yield store
    store.close()


async def test_a_wish_waits_for_its_agent_and_is_then_durable_there(tmp_path: Path, store: Store) -> None:
    clip_id = await asyncio.to_thread(kept_clip, store)
    async with open_site(tmp_path, AGENT) as site, asking(site) as holds:
        await tell_hub(site, store)
        await holds.ask(clip_id, "legal", True, "case 114", "amal")
        await until(lambda: _idle(holds))
        assert await answers(site) == [(clip_id, "legal", 1, None)]
        async with agent_at_work(site, store):

            async def told() -> bool:
                holds.visits.alive(AGENT)
                return await answers(site) == [(clip_id, "legal", 1, "done")]

            await until(told)
            assert await asyncio.to_thread(held, store) == [(clip_id, "legal")]
            await holds.ask(clip_id, "legal", False, "case closed", "amal")
            await until(lambda: _equal(site, [(clip_id, "legal", 0, "done")]))
        assert await asyncio.to_thread(held, store) == []
        audited = await site.database.read(
            lambda connection: connection.execute("SELECT user, action FROM audit").fetchall()
        )
        assert [tuple(row) for row in audited][-2:] == [("amal", "legal_placed"), ("amal", "legal_released")]


async def test_the_hub_ends_only_what_it_asked_for_itself(tmp_path: Path, store: Store) -> None:
    clip_id = await asyncio.to_thread(kept_clip, store)
    await asyncio.to_thread(repair.hold, tmp_path / "edge", clip_id, "legal", "the owner's own case", None, NOON)
    for wanted in (True, True, False):
        await asyncio.to_thread(store.follow_hub, clip_id, "legal", wanted)
        assert len(await asyncio.to_thread(held, store)) == (2 if wanted else 1)


async def test_a_clip_that_is_gone_is_refused_for_good_with_the_reason(tmp_path: Path, store: Store) -> None:
    clip_id = await asyncio.to_thread(kept_clip, store)
    async with open_site(tmp_path, AGENT) as site, asking(site) as holds:
        await tell_hub(site, store)
        empty = await asyncio.to_thread(opened, tmp_path / "other")
        async with agent_at_work(site, empty):
            await holds.ask(clip_id, "pin", True, "wanted", "amal")
            await until(lambda: _equal(site, [(clip_id, "pin", 1, "refused")]))
        detail = await site.database.read(
            lambda connection: connection.execute("SELECT detail FROM edge_holds").fetchone()[0]
        )
        assert clip_id in detail
        await asyncio.to_thread(empty.close)


async def test_no_hold_without_a_clip_and_a_reason(tmp_path: Path, store: Store) -> None:
    clip_id = await asyncio.to_thread(kept_clip, store)
    async with open_site(tmp_path, AGENT) as site:
        await tell_hub(site, store)
        for wrong_id, reason in ((clip_id, " "), (clip_id, "x" * 301), ("f" * 22, "case 1")):
            with pytest.raises(CommandError):
                await site.database.write(
                    lambda connection, one=wrong_id, why=reason: ask(  # type: ignore[misc]
                        connection, one, "pin", True, why, "amal", NOON
                    )
                )
        assert await answers(site) == []


async def _idle(holds: EdgeHolds) -> bool:
    return holds.visits.idle


async def _equal(site: Site, wanted: list[tuple[str, str, int, str | None]]) -> bool:
    return await answers(site) == wanted
