"""Alerts, their clips and pictures."""

from datetime import datetime

import httpx

from tests.hub.api.stage import NAME, PLATE, Stage, crop


async def test_alert_tells_plate_reason_camera_time_and_clip(hub: Stage, script: httpx.AsyncClient) -> None:
    alert_id, clip_id = await hub.hit()
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
    alert_id, _ = await hub.hit()
    address = f"/api/v1/alerts/{alert_id}/crop.jpg"
    assert (await script.get(address)).json()["code"] == "no-picture"
    jpeg = crop("12345 6")
    await hub.picture(alert_id, jpeg)
    response = await script.get(address)
    assert (response.content, response.headers["content-type"]) == (jpeg, "image/jpeg")
    assert (NAME, "crop_viewed", alert_id) in await hub.audited()
