"""What every answer says of itself: complete as of when, without whom, and what is still at the edge."""

import sqlite3
from pathlib import Path
from typing import Any

import httpx

from tests.hub.api.stage import Stage, camera
from vigie_hub.api.queries import completeness as queries
from vigie_hub.database import Database


async def known(script: httpx.AsyncClient, path: str = "/api/v1/events") -> dict[str, Any]:
    answer: dict[str, Any] = (await script.get(path)).json()["completeness"]
    return answer


async def test_answers_are_complete_as_of_the_last_word_of_the_slowest_agent(
    hub: Stage, script: httpx.AsyncClient
) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    first = await known(script)
    assert (first["as_of"], first["unreachable"], first["catching_up"]) == ("2026-11-22T14:41:03.120Z", [], [])
    hub.clock.advance(20)
    await hub.enrol("yard", [camera("in", "Yard")])
    assert (await known(script))["as_of"] == first["as_of"]
    await hub.enrol("gate", [camera("in", "Main gate")])
    assert (await known(script))["as_of"] == "2026-11-22T14:41:23.120Z"


async def test_a_backlog_moves_completeness_back_to_the_last_event_before_it(
    hub: Stage, script: httpx.AsyncClient
) -> None:
    motion = hub.motion("in")
    await hub.enrol("gate", [camera("in", "Main gate")])
    await hub.report("gate", motion)
    hub.clock.advance(20)
    await hub.enrol("gate", [camera("in", "Main gate")], backlog=3)
    now = await known(script)
    assert now["as_of"] == "2026-11-22T14:41:03.120Z"
    assert [(one["agent_id"], one["events_at_edge"]) for one in now["catching_up"]] == [("gate", 3)]
    assert (await known(script, "/api/v1/clips"))["as_of"] == "2026-11-22T14:41:23.120Z", "clips have no backlog"


async def test_silent_agents_are_named_with_what_is_known_of_them(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    hub.clock.advance(200)
    await hub.enrol("yard", [camera("in", "Yard")])
    now = await known(script, "/api/v1/alerts")
    assert now["as_of"] == "2026-11-22T14:44:23.120Z"
    assert now["unreachable"] == [
        {
            "agent_id": "gate",
            "complete_as_of": "2026-11-22T14:41:03.120Z",
            "events_at_edge": 0,
            "last_seen_at": "2026-11-22T14:41:03.120Z",
        }
    ]


async def test_of_one_agent_only_its_own_state_counts(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    hub.clock.advance(200)
    await hub.enrol("yard", [camera("in", "Yard")])
    assert (await known(script, "/api/v1/events?agent_id=yard"))["unreachable"] == []


async def test_page_says_it_in_words(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    hub.clock.advance(200)
    await hub.enrol("yard", [camera("in", "Yard")])
    drawn = (await script.get("/fragments/completeness")).text
    assert "2026-11-22T14:44:23.120Z" in drawn
    assert "1 agent cannot be reached" in drawn


def plan_of(connection: sqlite3.Connection, query: str, **values: object) -> str:
    rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", values)
    return "; ".join(row["detail"] for row in rows)


async def test_agents_that_lack_nothing_are_not_looked_at_one_by_one(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        behind = await database.read(lambda connection: plan_of(connection, queries._BEHIND, agent_id=None))
        values = {"agent_id": None, "lane": "lpr", "but": "[]"}
        earliest = await database.read(lambda connection: plan_of(connection, queries._EARLIEST, **values))
    assert "SCAN reports USING INDEX reports_behind" in behind
    assert "SEARCH reports USING COVERING INDEX reports_by_time (lane=?)" in earliest or (
        "SEARCH reports USING INDEX reports_by_time (lane=?)" in earliest
    )
    assert "TEMP B-TREE" not in behind + earliest


async def test_reports_follow_heartbeats_watermarks_and_revocations(tmp_path: Path) -> None:
    def seqs(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
        rows = connection.execute("SELECT lane, epoch, newest, seq FROM reports ORDER BY lane").fetchall()
        return [tuple(row) for row in rows]

    def watermark(connection: sqlite3.Connection, epoch: str, seq: int) -> None:
        connection.execute(
            "INSERT INTO watermarks (agent_id, epoch, lane, seq) VALUES ('a', ?, 'lpr', ?)"
            " ON CONFLICT (agent_id, epoch, lane) DO UPDATE SET seq = excluded.seq",
            (epoch, seq),
        )

    async with Database(tmp_path / "hub.db") as database:
        told = '{"epoch":"e2","at":"2026-03-01T12:00:00Z","newest":{"lpr":9,"mot":0}}'
        for epoch, seq in (("e1", 7), ("e2", 3)):
            await database.write(lambda connection, one=(epoch, seq): watermark(connection, *one))  # type: ignore[misc]
        insert = "INSERT INTO agents (agent_id, public_key, heartbeat) VALUES ('a', 'K', ?)"
        await database.write(lambda connection: connection.execute(insert, (told,)).rowcount)
        assert await database.read(seqs) == [("lpr", "e2", 9, 3), ("mot", "e2", 0, 0)]
        for epoch, seq in (("e1", 8), ("e2", 9)):
            await database.write(lambda connection, one=(epoch, seq): watermark(connection, *one))  # type: ignore[misc]
        assert await database.read(seqs) == [("lpr", "e2", 9, 9), ("mot", "e2", 0, 0)]
        newer = told.replace("e2", "e3")
        await database.write(
            lambda connection: connection.execute("UPDATE agents SET heartbeat = ?", (newer,)).rowcount
        )
        assert await database.read(seqs) == [("lpr", "e3", 9, 0), ("mot", "e3", 0, 0)]
        await database.write(lambda connection: connection.execute("UPDATE agents SET public_key = NULL").rowcount)
        assert await database.read(seqs) == []
