"""Alerts, their clips and pictures."""

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.hits import plate_hit
from tests.hub.api.stage import NAME, PLATE, Stage, crop

PICTURE = b"RIFF\x10\0\0\0WEBPVP8 "


async def edge_hit(hub: Stage, text: str = PLATE, **more: Any) -> str:
    """Agent `gate` finds a read on its copy of the list; the alert's id."""
    entry_id = await hub.services.hotlist.add(PLATE, "Stolen, case 114", NAME)
    motion = hub.motion("in")
    read = hub.read(text, motion)
    known: dict[str, Any] = {"rule": "exact", "list_age_seconds": 7200.0, "check_only": False, "retro": False}
    hit = plate_hit(read, entry_id=entry_id, list_version=9, picture=PICTURE, **known | more)
    await hub.report("gate", hit)
    found = await hub.database.read(lambda connection: connection.execute("SELECT alert_id FROM alerts").fetchall())
    return str(found[-1]["alert_id"])


async def test_hit_of_an_agent_shows_rule_age_and_picture_at_once(hub: Stage, script: httpx.AsyncClient) -> None:
    alert_id = await edge_hit(hub, "12346|أ|6", rule="6/5", check_only=True, retro=True)
    alert = (await script.get(f"/api/v1/alerts/{alert_id}")).json()
    known = {name: alert[name] for name in ("rule", "check_only", "retro", "list_id", "list_version", "crop_ready")}
    assert known == {
        "rule": "6/5",
        "check_only": True,
        "retro": True,
        "list_id": "main",
        "list_version": 9,
        "crop_ready": True,
    }
    assert alert["list_age_seconds"] == 7200
    picture = await script.get(f"/api/v1/alerts/{alert_id}/crop.jpg")
    assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/webp")


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", ("Check the picture first", "2 h old at the camera", "Found among earlier reads")),
        ("fr", ("Vérifier d’abord l’image", "vieille de 2 h", "Trouvée parmi des lectures")),
        ("ar", ("تحقق من الصورة أولًا", "2 س", "قراءات سابقة")),
    ],
)
async def test_page_says_that_a_hit_is_to_be_checked(
    hub: Stage, script: httpx.AsyncClient, language: str, says: tuple[str, ...]
) -> None:
    await edge_hit(hub, "12346|أ|6", rule="6/5", check_only=True, retro=True)
    page = (await script.get("/fragments/alerts", headers={"accept-language": language})).text
    for text in says:
        assert text in page or text.replace("&#39;", "'") in page
    assert '<bdi dir="ltr">6/5</bdi>' in page


async def test_page_tells_how_old_the_agents_list_was(hub: Stage, script: httpx.AsyncClient) -> None:
    await edge_hit(hub, list_age_seconds=90_000.0, check_only=True)
    page = (await script.get("/fragments/alerts")).text
    assert "1 d old at the camera" in page


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
