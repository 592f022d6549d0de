"""What the API answers, over a read model that was filled by the projector."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.hub.api.stage import NAME, Stage, camera, crop
from vigie_hub.video.pulls import PullState

PLATE = "12345|أ|6"


async def _hit(hub: Stage) -> tuple[str, str]:
    """A vehicle on the hotlist passes; ids of the alert and the clip."""
    await hub.services.hotlist.add(PLATE, "Stolen, case 114", NAME)
    await hub.enrol("gate", [camera("in", "Main gate")])
    motion = hub.motion("in")
    clip = hub.clip(motion, b"ftyp" * 700)
    await hub.report("gate", motion, hub.read(PLATE, motion), hub.quiet(motion, 5), clip)
    async with hub.client() as script:
        return (await script.get("/api/v1/alerts")).json()["items"][0]["alert_id"], clip.clip_id


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


async def test_events_after_an_id_come_in_order_and_in_pages(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(5)))
    seen, query = [], {"after": "1", "limit": "2"}
    while True:
        page = (await script.get("/api/v1/events", params=query)).json()
        seen += [event["id"] for event in page["items"]]
        if page["next"] is None:
            break
        query = {"cursor": page["next"], "limit": "2"}
    assert seen == [2, 3, 4, 5]


async def test_events_without_after_are_the_newest_first(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.report("gate", *(hub.motion("in") for _ in range(3)))
    page = (await script.get("/api/v1/events", params={"limit": 2})).json()
    rest = (await script.get("/api/v1/events", params={"limit": 2, "cursor": page["next"]})).json()
    assert [event["id"] for event in page["items"] + rest["items"]] == [3, 2, 1]


async def test_events_are_filtered_by_kind_and_agent(hub: Stage, script: httpx.AsyncClient) -> None:
    motion = hub.motion("in")
    await hub.report("gate", motion, hub.read(PLATE, motion))
    await hub.report("patrol", hub.motion("front"))
    reads = (await script.get("/api/v1/events", params={"kind": "plate_read"})).json()["items"]
    assert [(event["kind"], event["body"]["text"]) for event in reads] == [("plate_read", PLATE)]
    of_patrol = (await script.get("/api/v1/events", params={"agent_id": "patrol"})).json()["items"]
    assert [event["agent_id"] for event in of_patrol] == ["patrol"]


async def test_alert_tells_plate_reason_camera_time_and_clip(hub: Stage, script: httpx.AsyncClient) -> None:
    alert_id, clip_id = await _hit(hub)
    alert = (await script.get(f"/api/v1/alerts/{alert_id}")).json()
    assert alert["plate"] == {"text": PLATE, "serial": "12345", "letter": "أ", "region": 6}
    assert (alert["reason"], alert["camera_name"], alert["confidence"]) == ("Stolen, case 114", "Main gate", 0.973)
    assert datetime.fromisoformat(alert["at"]) > hub.clock.now()
    assert alert["clip"]["clip_id"] == clip_id
    assert alert["clip"]["archive"] is None


async def test_clip_of_a_read_without_motion_is_found_by_camera_and_time(hub: Stage, script: httpx.AsyncClient) -> None:
    await hub.services.hotlist.add(PLATE, "Stolen", NAME)
    motion = hub.motion("in")
    clip = hub.clip(motion, b"bytes")
    read = hub.read(PLATE, motion).model_copy(update={"motion_id": None})
    await hub.report("elsewhere", hub.clip(motion, b"other"))
    await hub.report("gate", read, clip)
    alert = (await script.get("/api/v1/alerts")).json()["items"][0]
    assert alert["clip"]["clip_id"] == clip.clip_id


async def test_crop_is_shown_once_it_arrived_and_each_view_is_audited(hub: Stage, script: httpx.AsyncClient) -> None:
    alert_id, _ = await _hit(hub)
    address = f"/api/v1/alerts/{alert_id}/crop.jpg"
    assert (await script.get(address)).json()["code"] == "no-picture"
    jpeg = crop("12345 6")
    await hub.picture(alert_id, jpeg)
    response = await script.get(address)
    assert (response.content, response.headers["content-type"]) == (jpeg, "image/jpeg")
    assert (NAME, "crop_viewed", alert_id) in await hub.audited()


async def test_pull_is_asked_for_once_shows_progress_and_ends_verified(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await _hit(hub)
    address = f"/api/v1/clips/{clip_id}"
    first = await script.post(f"{address}/pull")
    assert (first.status_code, first.json()["archive"]["state"]) == (202, "queued")
    assert (await script.post(f"{address}/pull")).status_code == 202
    assert hub.edge.requested == [clip_id]
    assert [row for row in await hub.audited() if row[1] == "pull_requested"] == [(NAME, "pull_requested", clip_id)]
    hub.edge.states[clip_id] = PullState("pulling", 1400, 0.5)
    assert (await script.get(address)).json()["archive"]["bytes"] == 1400
    assert (await script.get(f"{address}/video.mp4")).json()["code"] == "not-pulled"
    await hub.edge.deliver(clip_id)
    clip = (await script.get(address)).json()
    assert clip["archive"] == {
        "state": "verified", "sha256": clip["sha256"], "bytes": 2800, "seconds": 1.84, "detail": "",
    }  # fmt: skip
    assert (await script.post(f"{address}/pull")).json()["archive"]["state"] == "verified"
    assert hub.edge.requested == [clip_id]


async def test_failed_pull_says_why_and_may_be_asked_for_again(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await _hit(hub)
    hub.edge.states[clip_id] = PullState("failed", 100, 9.0, "gate does not answer")
    assert (await script.get(f"/api/v1/clips/{clip_id}")).json()["archive"]["detail"] == "gate does not answer"
    assert (await script.post(f"/api/v1/clips/{clip_id}/pull")).json()["archive"]["state"] == "queued"


async def test_video_comes_whole_and_in_ranges_and_one_viewing_is_audited_once(
    hub: Stage, script: httpx.AsyncClient
) -> None:
    _, clip_id = await _hit(hub)
    await hub.edge.deliver(clip_id)
    address, data = f"/api/v1/clips/{clip_id}/video.mp4", hub.edge.clips[clip_id]
    whole = await script.get(address)
    assert (whole.content, whole.headers["content-type"]) == (data, "video/mp4")
    part = await script.get(address, headers={"range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert (await script.get(address, headers={"range": f"bytes={len(data)}-"})).status_code == 416
    views = [row for row in await hub.audited() if row[1] == "clip_viewed"]
    assert views == [(NAME, "clip_viewed", clip_id)]
    hub.clock.advance(61)
    await script.get(address, headers={"range": "bytes=0-9"})
    assert len([row for row in await hub.audited() if row[1] == "clip_viewed"]) == 2


async def test_vanished_file_is_a_problem_of_its_own(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await _hit(hub)
    await hub.edge.deliver(clip_id)
    for path in (hub.folder / "archive").rglob("*.mp4"):
        path.unlink()
    response = await script.get(f"/api/v1/clips/{clip_id}/video.mp4")
    assert (response.status_code, response.json()["code"]) == (410, "file-missing")


async def test_hotlist_is_edited_audited_and_told(hub: Stage, script: httpx.AsyncClient) -> None:
    with hub.services.feed.subscribe() as subscription:
        added = await script.post("/api/v1/hotlist", json={"text": " 12345 | A | 6 ", "reason": "Stolen"})
        assert await subscription.changes(1.0) == {"hotlist"}
    assert (added.status_code, added.json()["text"], added.json()["added_by"]) == (201, PLATE, NAME)
    entry_id = added.json()["entry_id"]
    assert (await script.delete(f"/api/v1/hotlist/{entry_id}")).status_code == 204
    assert (await script.get("/api/v1/hotlist")).json()["items"] == []
    assert (await script.delete(f"/api/v1/hotlist/{entry_id}")).json()["code"] == "no-such-entry"
    assert [row[1] for row in await hub.audited() if row[0] == NAME] == ["hotlist_added", "hotlist_removed"]


@pytest.mark.parametrize(
    "wish",
    [{"text": "|||", "reason": "x"}, {"text": "", "reason": "x"}, {"text": "1A1", "reason": " "}, {"text": "1A1"}, []],
)
async def test_unusable_hotlist_wish_is_a_problem(script: httpx.AsyncClient, wish: Any) -> None:
    response = await script.post("/api/v1/hotlist", json=wish)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v1/alerts/none", 404, "no-such-alert"),
        ("/api/v1/alerts/none/crop.jpg", 404, "no-such-alert"),
        ("/api/v1/clips/none", 404, "no-such-clip"),
        ("/api/v1/nothing", 404, "not-found"),
        ("/fragments/nothing", 404, "not-found"),
        ("/api/v1/events?limit=0", 422, "bad-request"),
        ("/api/v1/events?after=-1", 422, "bad-request"),
        ("/api/v1/events?cursor=zzz", 400, "bad-cursor"),
        ("/api/v1/events?cursor=%F0%9F%98%80", 400, "bad-cursor"),
        ("/api/v1/clips?cursor=WzFd", 400, "bad-cursor"),
        ("/api/v1/alerts?cursor=" + "A" * 500, 400, "bad-cursor"),
    ],
)
async def test_problems_are_problem_details(script: httpx.AsyncClient, path: str, status: int, code: str) -> None:
    response = await script.get(path)
    problem = response.json()
    assert (response.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"/api/docs#{code}"
    assert problem["title"]


async def test_problems_speak_the_readers_language(script: httpx.AsyncClient) -> None:
    response = await script.get("/api/v1/clips/none", headers={"accept-language": "ar-MA, fr;q=0.8"})
    assert response.json()["title"] == "لا يوجد مقطع كهذا"
    assert (await script.delete("/api/v1/agents", headers={"accept-language": "fr"})).json()["code"] == "not-allowed"


async def test_a_failure_of_the_hub_is_a_problem_without_its_inside(hub: Stage) -> None:
    await hub.database.write(lambda connection: connection.execute("UPDATE agents SET heartbeat = 'x'").rowcount)
    await hub.enrol("gate")
    await hub.database.write(lambda connection: connection.execute("UPDATE agents SET heartbeat = '{}'").rowcount)
    transport = httpx.ASGITransport(hub.api, raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://hub.test", auth=(NAME, "correct horse")
    ) as script:
        response = await script.get("/api/v1/agents")
    assert (response.status_code, response.json()["code"]) == (500, "internal-error")
    assert "epoch" not in response.text
