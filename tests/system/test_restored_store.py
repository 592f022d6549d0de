"""A store that was restored from a copy of itself: real stores and agents, a real hub over a real nats-server.

The copy is taken, the agent runs on and tells the hub more, then the copy comes back under the same epoch.
"""

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import structlog

from tests.agent.store.samples import clip, motion, read, settle
from tests.hub.agents import until
from tests.hub.site import Site, open_site
from tests.system.edge import AGENT, CLOCK, all_receipted, linked, opened
from vigie_agent.health import Health
from vigie_agent.store import Store
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.database import iso
from vigie_hub.sync.stored import events_after
from vigie_shared.events import LANES


def record(store: Store, count: int) -> None:
    """So many motions and reads, and a clip for each ten."""
    for number in range(count):
        store.record(motion())
        store.record_read(read(), b"jpeg")
        if number % 10 == 0:
            store.keep_clip(clip())
    settle(store)


def told(store: Store) -> Counter[str]:
    """What the store has ever told or will tell, as JSON."""
    query = "SELECT body FROM events"
    rows: list[tuple[str]] = store._reader.ask(lambda connection: connection.execute(query).fetchall())
    return Counter(_plain(json.loads(body)) for (body,) in rows)


def _plain(body: dict[str, object]) -> str:
    return json.dumps({name: body.get(name) for name in ("kind", "motion_id", "read_id", "clip_id")})


async def heard(site: Site) -> Counter[str]:
    """What the hub has of the agent."""
    rows = await site.database.read(lambda connection: list(events_after(connection, 0, agent_id=AGENT)))
    return Counter(_plain(row["body"]) for row in rows)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, AGENT) as site, site.consuming():
        await site.receipts.listen()
        yield site


@pytest.mark.parametrize("meanwhile", [0, 5, 200], ids=["nothing new", "less than the hub has", "more than it has"])
async def test_a_restored_store_loses_nothing_and_doubles_nothing(tmp_path: Path, site: Site, meanwhile: int) -> None:
    first, copy = tmp_path / "edge", tmp_path / "copy"
    async with opened(first) as store, linked(site, store, first):
        await asyncio.to_thread(record, store, 40)
        await until(lambda: all_receipted(store))
    async with opened(first) as store:
        await asyncio.to_thread(record, store, 10)  # recorded, not yet told
    await asyncio.to_thread(shutil.copytree, first, copy)
    async with opened(first) as store, linked(site, store, first):
        await asyncio.to_thread(record, store, 60)
        await until(lambda: all_receipted(store))
        before, lost_run = store.epoch, await asyncio.to_thread(told, store)
    async with opened(copy) as store:
        await asyncio.to_thread(record, store, meanwhile)
        with structlog.testing.capture_logs() as logs:
            async with linked(site, store, copy):
                await until(lambda: _has_another_epoch(store, before))
                await asyncio.to_thread(record, store, 3)
                await until(lambda: all_receipted(store))
        everything = lost_run | await asyncio.to_thread(told, store)
    assert await heard(site) == everything
    assert max(everything.values()) == 1
    lines = [line for line in logs if line["log_level"] == "warning"]
    assert ["a new epoch begins" in line["event"] for line in lines] == [True], lines
    assert len(everything) == len(lost_run) + 2 * meanwhile + -(-meanwhile // 10) + 2 * 3 + 1


async def test_a_store_that_is_only_opened_again_keeps_its_epoch(tmp_path: Path, site: Site) -> None:
    folder, epochs = tmp_path / "edge", set()
    for _run in range(3):
        async with opened(folder) as store:
            await asyncio.to_thread(record, store, 5)
            async with linked(site, store, folder):
                await asyncio.to_thread(record, store, 5)
                await until(lambda: all_receipted(store))
                await until(lambda: _all_compared(store))
            epochs.add(store.epoch)
            everything = await asyncio.to_thread(told, store)
    assert len(epochs) == 1
    assert await heard(site) == everything


async def test_answers_are_complete_again_once_the_new_epoch_has_arrived(tmp_path: Path, site: Site) -> None:
    first, copy = tmp_path / "edge", tmp_path / "copy"
    async with opened(first) as store:
        await asyncio.to_thread(record, store, 5)
    await asyncio.to_thread(shutil.copytree, first, copy)
    async with opened(first) as store, linked(site, store, first):
        await asyncio.to_thread(record, store, 5)
        await until(lambda: all_receipted(store))
        before = store.epoch
    async with opened(copy) as store, linked(site, store, copy):
        await until(lambda: _has_another_epoch(store, before))
        await asyncio.to_thread(record, store, 5)
        await until(lambda: all_receipted(store))
        beat = await asyncio.to_thread(Health(store, AGENT, copy, [], interval_seconds=60, clock=CLOCK).heartbeat)

        def hear(connection: object) -> None:
            connection.execute(  # type: ignore[attr-defined]
                "UPDATE agents SET last_seen_at = ?, lost_after_seconds = 180, epoch = ?, heartbeat = ?",
                (iso(beat.at), beat.epoch, beat.model_dump_json()),
            )

        await site.database.write(hear)
        found = await site.database.read(lambda connection: completeness(connection, CLOCK.now()))
    assert (found.as_of, found.unreachable, found.catching_up) == (iso(beat.at), [], [])
    missing = "SELECT count(*) FROM missing_ranges"
    assert await site.database.read(lambda connection: connection.execute(missing).fetchone()[0]) == 0
    assert {lane for lane in LANES if beat.newest[lane]} == {"mot", "lpr", "clip"}


async def _has_another_epoch(store: Store, before: str) -> bool:
    return store.epoch != before


async def _all_compared(store: Store) -> bool:
    waiting, newest = await asyncio.to_thread(lambda: (store.openings(), store.newest()))
    return all(seq > newest[lane] for lane, seqs in waiting.items() for seq in seqs)
