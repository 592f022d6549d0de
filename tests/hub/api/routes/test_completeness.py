"""What every answer says of itself: complete as of when, without whom, and what is still at the edge."""

from typing import Any

import httpx

from tests.hub.api.stage import Stage, camera


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
