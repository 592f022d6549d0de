"""Agents, from what the read model knows of them."""

import httpx

from tests.hub.api.stage import Stage, camera
from vigie_shared.link import LinkReport, QueueReport


async def test_agents_tell_their_state_cameras_and_backlog(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.report("gate", hub.motion("in"), hub.motion("in"))
    await hub.enrol("gate", [camera("in", "Main gate", moving=True)], backlog=7)
    await hub.enrol("patrol", [camera("front", "Front")])
    hub.clock.advance(31)
    await hub.enrol("gate", [camera("in", "Main gate", moving=True)], backlog=7)
    await hub.database.write(
        lambda connection: connection.execute("INSERT INTO agents (agent_id) VALUES ('dock')").rowcount
    )
    dock, gate, patrol = (await script.get("/api/v1/agents")).json()["items"]
    assert [agent["state"] for agent in (dock, gate, patrol)] == ["discovered", "online", "lost"]
    assert (gate["still_at_edge"], patrol["still_at_edge"], dock["still_at_edge"]) == (7, 0, 0)
    assert gate["cameras"][0]["name"] == "Main gate"
    assert gate["cameras"][0]["moving"] is True


async def test_the_link_of_an_agent_and_what_waits_for_it_are_told(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.enrol("gate")
    await hub.enrol("patrol")
    link = LinkReport(
        at=hub.clock.now(),
        kind="lte",
        connected=True,
        pace_kbps=62.7,
        measured_kbps=61,
        in_flight_bytes=900,
        sent_today_bytes=5_000,
        queue=(QueueReport(priority="read", bytes=81_000, eta_seconds=7_200), QueueReport(priority="bulk", bytes=9)),
    )
    await hub.database.write(
        lambda connection: (
            connection.execute(
                "UPDATE agents SET heartbeat = json_set(heartbeat, '$.link', json(?)) WHERE agent_id = 'gate'",
                (link.model_dump_json(),),
            ).rowcount
        )
    )
    gate, patrol = (await script.get("/api/v1/agents")).json()["items"]
    assert LinkReport.model_validate(gate["link"]) == link
    assert patrol["link"] is None
    page = (await script.get("/fragments/agents")).text
    assert "61 kbit/s" in page
    assert "81.0 kB" in page
    assert "gone in 2.0 h" in page or "gone in 2 h" in page
