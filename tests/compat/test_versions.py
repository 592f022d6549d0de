"""Agents one version older and newer than the hub: real stores and uplinks, a real hub over a real nats-server."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.agent.store.samples import START, clip, motion, read, settle
from tests.hub.agents import until
from tests.hub.site import Site, open_site
from tests.system.edge import AGENT, all_receipted, linked, opened
from vigie_agent.store import Store
from vigie_hub.bus.connection import Connection
from vigie_hub.fleet.heartbeats import Heartbeats
from vigie_hub.fleet.registry import AgentRecord, Registry
from vigie_hub.sync.stored import events_after
from vigie_shared import subjects
from vigie_shared.batches import SCHEMA
from vigie_shared.events import Lane


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path, AGENT) as site, site.consuming():
        await site.receipts.listen()
        yield site


def record(store: Store) -> None:
    for _ in range(20):
        store.record(motion())
        store.record_read(read(), b"jpeg")
    store.keep_clip(clip())
    settle(store)


def record_raw(store: Store, lane: Lane, body: dict[str, Any]) -> None:
    """As a release to come would have written it."""

    def unit(connection: sqlite3.Connection) -> None:
        (seq,) = connection.execute(
            "UPDATE lanes SET newest = newest + 1 WHERE lane = ? RETURNING newest", (lane,)
        ).fetchone()
        event_id = connection.execute(
            "INSERT INTO events (kind, camera_id, at, body) VALUES (?, ?, ?, ?)",
            (body["kind"], "gate", body["at"], json.dumps(body)),
        ).lastrowid
        connection.execute("INSERT INTO outbox (lane, seq, event_id) VALUES (?, ?, ?)", (lane, seq, event_id))

    store._writer.submit(unit).result()


def told(store: Store) -> list[str]:
    rows = [store.outbox_after(lane, 0, 1000) for lane in sorted(store.newest())]
    return [row.event.model_dump_json() for of_lane in rows for row in of_lane]


async def hub_bodies(site: Site) -> list[dict[str, Any]]:
    rows = await site.database.read(lambda connection: list(events_after(connection, 0)))
    return [row["body"] for row in sorted(rows, key=lambda row: (row["lane"], row["seq"]))]


async def versions(site: Site) -> set[int]:
    """Of the batches that are here: JSON is 1, else the first byte says it."""
    rows = await site.database.read(lambda connection: connection.execute("SELECT payload FROM batches").fetchall())
    return {1 if row["payload"][:1] == b"{" else row["payload"][0] for row in rows}


@pytest.mark.parametrize(("schema_max", "used"), [(1, 1), (SCHEMA, SCHEMA), (SCHEMA + 1, SCHEMA)])
async def test_agent_and_hub_meet_in_the_newest_version_that_both_know(
    tmp_path: Path, site: Site, schema_max: int, used: int
) -> None:
    async with opened(tmp_path / "edge") as store, linked(site, store, tmp_path / "edge", schema_max=schema_max):
        for _ in range(2):
            await asyncio.to_thread(record, store)
            await until(lambda: all_receipted(store))
        everything = await asyncio.to_thread(told, store)
    assert await versions(site) == {used}
    assert [json.loads(one) for one in everything] == await hub_bodies(site)


async def test_what_only_a_newer_agent_knows_is_kept_as_it_is_and_nothing_sticks(tmp_path: Path, site: Site) -> None:
    at = START.isoformat()
    siren = {"kind": "siren_heard", "at": at, "camera_id": "gate", "pitch_hz": 440, "echo": {"walls": [3, 4]}}
    warm = {**json.loads(motion().model_dump_json()), "lens_celsius": 41}
    async with opened(tmp_path / "edge") as store:
        async with linked(site, store, tmp_path / "edge", schema_max=SCHEMA + 1):
            await asyncio.to_thread(record_raw, store, "mot", siren)
            await asyncio.to_thread(record_raw, store, "mot", warm)
            await asyncio.to_thread(record, store)
            await until(lambda: all_receipted(store))
        assert (await asyncio.to_thread(store.receipted))["mot"] == 22
    first, second = [body for body in await hub_bodies(site) if "pitch_hz" in body or "lens_celsius" in body]
    assert (first["pitch_hz"], first["echo"]) == (440, {"walls": [3, 4]})
    assert second == warm


async def test_a_lane_that_only_a_newer_agent_has_waits_and_its_heartbeat_is_heard(tmp_path: Path, site: Site) -> None:
    def with_lane(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO lanes (lane) VALUES ('aud')")

    registry = Registry()
    registry.load([AgentRecord(AGENT, site.agents[0].key.public_key)], site.clock.now())
    heartbeats = Heartbeats(
        Connection(site.server.url, site.keys.trust.hub_login()),
        site.database,
        registry,
        site.clock,
        announce=lambda _changes: None,
        alive=lambda _agent_id: None,
        tell=site.told.append,
    )
    listening = asyncio.create_task(heartbeats.run())
    async with opened(tmp_path / "edge") as store:
        await asyncio.to_thread(store._writer.submit(with_lane).result)
        async with linked(site, store, tmp_path / "edge"):
            await asyncio.to_thread(record, store)
            await until(lambda: all_receipted(store))
        beat = {**_beat(store), "newest": {"mot": 20, "aud": 7}}
        async with site.agents[0].connected(site.server.url) as agent:

            async def is_heard() -> bool:
                await agent.client.publish(subjects.heartbeat(AGENT), json.dumps(beat).encode())
                return await _newest(site, {"mot": 20})

            await until(is_heard, 60)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def _beat(store: Store) -> dict[str, Any]:
    fixed = {"agent_id": AGENT, "epoch": store.epoch, "version": "9.0", "at": START.isoformat()}
    return {**fixed, "interval_seconds": 60, "clips_kept": 1, "clips_bytes": 1}


async def _newest(site: Site, newest: dict[str, int]) -> bool:
    row = await site.database.read(lambda connection: connection.execute("SELECT heartbeat FROM agents").fetchone())
    return bool(row["heartbeat"]) and json.loads(row["heartbeat"])["newest"] == newest
