"""Agents, from what the read model knows of them."""

import httpx

from tests.hub.api.stage import Stage, camera


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
