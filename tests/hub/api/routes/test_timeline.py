"""A camera's timeline from metadata alone."""

from datetime import timedelta
from typing import Any

import httpx

from tests.hub.api.stage import BEGAN_AT, NAME, Stage, camera
from vigie_hub.video.pull.progress import PullState
from vigie_shared.events import GapRecorded

ADDRESS = "/api/v1/agents/gate/cameras/in/timeline"


async def spans(script: httpx.AsyncClient, **query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await script.get(ADDRESS, params=query)).json()["spans"]
    return found


async def clips(hub: Stage, count: int) -> list[str]:
    made = []
    for _ in range(count):
        hub.clock.advance(60)
        clip = hub.clip(hub.motion("in"), b"ftyp" * 1000)
        await hub.report("gate", clip)
        made.append(clip.clip_id)
    await hub.enrol("gate", [camera("in", "Main gate")])
    return made


async def test_says_where_each_clip_is(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    here, coming, there = await clips(hub, 3)
    await hub.edge.deliver(here)
    hub.edge.states[coming] = PullState("pulling", 10, 0.1)
    assert [(span["clip_id"], span["where"]) for span in await spans(script)] == [
        (here, "hub"), (coming, "transit"), (there, "edge"),
    ]  # fmt: skip
    assert await spans(script, until="2026-11-22T14:00:00Z") == []


async def test_a_gap_says_why_and_replaces_the_clip_that_it_took(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    lost, kept = await clips(hub, 2)
    at = BEGAN_AT + timedelta(seconds=58)
    gap = GapRecorded(
        at=at,
        camera_id="in",
        gap_id="0" * 22,
        ended_at=at + timedelta(seconds=8),
        reason="overwritten",
        clip_id=lost,
    )
    await hub.report("gate", gap)
    found = await spans(script)
    assert [(span["where"], span["clip_id"], span["reason"]) for span in found] == [
        ("gap", lost, "overwritten"), ("edge", kept, ""),
    ]  # fmt: skip


async def test_says_for_how_long_the_edge_keeps_it_unless_it_is_held(hub: Stage, script: httpx.AsyncClient) -> None:
    hub.clips_bytes_max = 40_000
    await hub.enrol("gate", [camera("in", "Main gate")])
    older, newer = await clips(hub, 2)
    hub.clock.advance(2 * 3600 - 62)
    await hub.enrol("gate", [camera("in", "Main gate")])
    hours = {span["clip_id"]: span["overwritten_in_hours"] for span in await spans(script)}
    assert hours == {older: 8.0, newer: 9.0}, "8,000 bytes in two hours; 32,000 and 36,000 bytes are left"
    wish = {"reason": "case 114"}
    asked = (await script.put(f"/api/v1/clips/{older}/holds/pin", json=wish)).json()["holds"]
    assert [(hold["kind"], hold["state"], hold["asked_by"], hold["reason"]) for hold in asked] == [
        ("pin", "asked", NAME, "case 114"),
    ]  # fmt: skip
    await hub.database.write(lambda connection: connection.execute("UPDATE edge_holds SET answer = 'done'").rowcount)
    span = next(span for span in await spans(script) if span["clip_id"] == older)
    assert (span["held"], span["overwritten_in_hours"]) == (True, None)


async def test_says_up_to_when_it_is_known(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    hub.clock.advance(300)
    answer = (await script.get(ADDRESS)).json()
    assert (answer["reachable"], answer["known_until"]) == (False, "2026-11-22T14:41:03.120Z")


async def test_strange_questions_are_refused(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    assert (await script.get("/api/v1/agents/nobody/cameras/in/timeline")).json()["code"] == "no-such-agent"
    backwards = {"since": "2026-11-22T14:00:00Z", "until": "2026-11-22T13:00:00Z"}
    assert (await script.get(ADDRESS, params=backwards)).json()["code"] == "refused"
    assert (await script.put(f"/api/v1/clips/{'f' * 22}/holds/pin", json={"reason": "x"})).status_code == 404
