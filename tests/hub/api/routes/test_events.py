"""Lists of events."""

import httpx

from tests.hub.api.stage import PLATE, Stage
from vigie_hub.sync.stored import event_id_of


async def test_events_after_an_id_come_in_order_and_in_pages(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(5)))
    seen, query = [], {"after": str(event_id_of(1, 0)), "limit": "2"}
    while True:
        page = (await script.get("/api/v1/events", params=query)).json()
        seen += [event["id"] for event in page["items"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"], "limit": "2"}
    assert seen == [event_id_of(batch, 0) for batch in (2, 3, 4, 5)]


async def test_events_without_after_are_the_newest_first(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(3)))
    page = (await script.get("/api/v1/events", params={"limit": 2})).json()
    rest = (await script.get("/api/v1/events", params={"limit": 2, "cursor": page["next"]})).json()
    assert [event["id"] for event in page["items"] + rest["items"]] == [event_id_of(batch, 0) for batch in (3, 2, 1)]


async def test_events_are_filtered_by_kind_and_agent(hub: Stage, script: httpx.AsyncClient) -> None:
    motion = hub.motion("in")
    await hub.report("gate", motion, hub.read(PLATE, motion))
    await hub.report("patrol", hub.motion("front"))
    reads = (await script.get("/api/v1/events", params={"kind": "plate_read"})).json()["items"]
    assert [(event["kind"], event["body"]["text"]) for event in reads] == [("plate_read", PLATE)]
    of_patrol = (await script.get("/api/v1/events", params={"agent_id": "patrol"})).json()["items"]
    assert [event["agent_id"] for event in of_patrol] == ["patrol"]
