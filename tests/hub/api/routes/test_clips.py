"""Clips, their pulls and videos."""

import httpx

from tests.hub.api.stage import NAME, Stage
from vigie_hub.video.pull.progress import PullState


async def test_pull_is_asked_for_once_shows_progress_and_ends_verified(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await hub.hit()
    address = f"/api/v1/clips/{clip_id}"
    first = await script.post(f"{address}/pull")
    assert (first.status_code, first.json()["archive"]["state"]) == (202, "queued")
    again = await script.post(f"{address}/pull")
    assert (again.status_code, again.json()["archive"]["waits"]) == (202, "queued")
    assert hub.edge.requested == [(clip_id, "original")]
    assert [row for row in await hub.audited() if row[1] == "pull_requested"] == [(NAME, "pull_requested", clip_id)]
    hub.edge.states[clip_id] = PullState("pulling", 1400, 0.5)
    assert (await script.get(address)).json()["archive"]["bytes"] == 1400
    assert (await script.get(f"{address}/video.mp4")).json()["code"] == "not-pulled"
    await hub.edge.deliver(clip_id)
    clip = (await script.get(address)).json()
    told = {key: clip["archive"][key] for key in ("state", "sha256", "bytes", "seconds", "detail", "here", "wanted")}
    assert told == {
        "state": "verified", "sha256": clip["sha256"], "bytes": 2800, "seconds": 1.84, "detail": "",
        "here": ["thumbnail", "keyframes", "original"], "wanted": [],
    }  # fmt: skip
    assert (await script.post(f"{address}/pull")).json()["archive"]["state"] == "verified"
    assert hub.edge.requested == [(clip_id, "original")]


async def test_failed_pull_says_why_and_may_be_asked_for_again(hub: Stage, script: httpx.AsyncClient) -> None:
    _, clip_id = await hub.hit()
    hub.edge.states[clip_id] = PullState("failed", 100, 9.0, "gate does not answer")
    assert (await script.get(f"/api/v1/clips/{clip_id}")).json()["archive"]["detail"] == "gate does not answer"
    assert (await script.post(f"/api/v1/clips/{clip_id}/pull")).json()["archive"]["state"] == "queued"


async def test_video_comes_whole_and_in_ranges_and_one_viewing_is_audited_once(
    hub: Stage, script: httpx.AsyncClient
) -> None:
    _, clip_id = await hub.hit()
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
    _, clip_id = await hub.hit()
    await hub.edge.deliver(clip_id)
    for path in (hub.folder / "archive").rglob("*.mp4"):
        path.unlink()
    response = await script.get(f"/api/v1/clips/{clip_id}/video.mp4")
    assert (response.status_code, response.json()["code"]) == (410, "file-missing")
