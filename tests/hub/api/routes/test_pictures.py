"""A clip comes rung by rung, and each rung can be looked at: against a real agent, over a link in the test's hand."""

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from tests.hub.api.stage import NAME
from tests.hub.video.pulling_stage import CLIP_SECONDS, Pulling, film_of_a_clip, pulling
from tests.servers.nats_server import NatsServer, nats_server
from vigie_hub.api.stream import stream_events
from vigie_shared.transfer import BLOCK_BYTES

__all__ = ["nats_server"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    made = film_of_a_clip(tmp_path_factory.mktemp("film"))
    assert len(made) > 3 * BLOCK_BYTES
    return made


@pytest.fixture
async def site(tmp_path: Path, nats_server: NatsServer, clip: bytes) -> AsyncIterator[Pulling]:
    async with pulling(tmp_path, nats_server.url, clip) as made:
        yield made


def address(site: Pulling, rest: str = "") -> str:
    return f"/api/v1/clips/{site.clip_id}{rest}"


def pictures(mp4: bytes) -> int:
    with av.open(io.BytesIO(mp4), "r") as container:
        return len(list(container.decode(video=0)))


async def test_each_rung_can_be_looked_at_as_soon_as_it_is_here(site: Pulling) -> None:
    async with site.agent(), site.working(), site.hub.client() as script:
        absent = await script.get(address(site, "/thumbnail.jpg"))
        assert (absent.status_code, absent.json()["code"]) == (409, "not-pulled")
        assert absent.json()["detail"].endswith("/pull?quality=thumbnail")
        await script.post(address(site, "/pull"), params={"quality": "keyframes"})
        raised = (await script.post(address(site, "/pull"))).json()["archive"]
        assert raised["wanted"] == ["keyframes", "original"]
        await site.drip(lambda state: state.arrived_bytes > 0)
        archive = (await script.get(address(site))).json()["archive"]
        assert (archive["state"], archive["quality"], archive["road"]) == ("pulling", "keyframes", "tcp")
        assert 0 < archive["arrived_bytes"] < archive["of_bytes"] < len(site.clip)
        assert (archive["keyframes"], archive["here"]) == (CLIP_SECONDS, [])
        await site.drip(lambda state: "thumbnail" in state.seen.rungs())
        picture = await script.get(address(site, "/thumbnail.jpg"), params={"width_px": 160})
        assert picture.headers["cache-control"] == "no-store"
        assert Image.open(io.BytesIO(picture.content)).size == (160, 96)
        strip = (await script.get(address(site, "/keyframes"))).json()
        assert strip["keyframes"] == CLIP_SECONDS
        shown = {keyframe["number"]: keyframe["at_seconds"] for keyframe in strip["items"]}
        assert 0 < len(shown) < CLIP_SECONDS
        assert shown[CLIP_SECONDS // 2] == CLIP_SECONDS / 2
        missing = next(number for number in range(CLIP_SECONDS) if number not in shown)
        assert (await script.get(address(site, f"/keyframes/{missing}.jpg"))).json()["code"] == "not-pulled"
        site.sluice.open()
        await site.until(lambda state: state is None)
        film = (await script.get(address(site, "/keyframes.mp4"))).content
        assert pictures(film) == CLIP_SECONDS
        assert (await script.get(address(site, "/keyframes/7.jpg"))).content.startswith(b"\xff\xd8")
        assert (await script.get(address(site, "/video.mp4"))).content == site.clip
        archive = (await script.get(address(site))).json()["archive"]
        assert (archive["state"], archive["here"]) == ("verified", ["thumbnail", "keyframes", "original"])
        overhead = site.sluice.passed_bytes / len(site.clip)
        assert overhead < 1.1, "nothing is sent twice"
    audited = [row[1] for row in await site.hub.audited()]
    assert audited.count("pull_requested") == 2
    assert audited.count("clip_viewed") == 1, "one line a viewing, whatever of the clip is looked at"


async def test_what_is_stopped_plays_as_far_as_it_came_and_goes_on_from_there(site: Pulling) -> None:
    async with site.agent(), site.hub.client() as script:
        async with site.working():
            await script.post(address(site, "/pull"))
            site.sluice.open(2 * BLOCK_BYTES)
            await site.drip(lambda state: state.seen.prefix_bytes >= 2 * BLOCK_BYTES)
            stopped = (await script.delete(address(site, "/pull"))).json()["archive"]
            assert (stopped["state"], stopped["prefix_bytes"]) == ("stopped", 2 * BLOCK_BYTES)
            assert (await script.delete(address(site, "/pull"))).json()["archive"]["state"] == "stopped"
        site.restart()
        async with site.working(), site.hub.client() as later:
            await site.until(lambda state: state is not None and state.seen.prefix_bytes > 0)
            assert (await later.get(address(site, "/video.mp4"))).json()["code"] == "not-pulled"
            part = await later.get(address(site, "/video.mp4"), params={"beginning": True})
            assert site.clip.startswith(part.content)
            assert BLOCK_BYTES < len(part.content) <= 2 * BLOCK_BYTES
            assert pictures(part.content) >= 30
            one = await later.get(
                address(site, "/video.mp4"), params={"beginning": True}, headers={"range": "bytes=9-99"}
            )
            assert (one.status_code, one.content) == (206, site.clip[9:100])
            site.sluice.open()
            await later.post(address(site, "/pull"))
            await site.until(lambda state: state is None)
            assert (await later.get(address(site, "/video.mp4"))).content == site.clip
    assert site.sluice.passed_bytes < len(site.clip) * 1.1 + BLOCK_BYTES
    assert [row for row in await site.hub.audited() if row[1] == "pull_stopped"] == [
        (NAME, "pull_stopped", site.clip_id)
    ]


async def test_a_lesser_quality_goes_before_the_one_under_way(site: Pulling) -> None:
    async with site.agent(), site.working(), site.hub.client() as script:
        await script.post(address(site, "/pull"))
        await site.drip(lambda state: state.seen.prefix_bytes >= BLOCK_BYTES)
        site.sluice.shut()
        await script.post(address(site, "/pull"), params={"quality": "keyframes"})
        await site.until(lambda state: state is not None and state.quality == "keyframes")
        site.sluice.open()
        await site.until(lambda state: state is None)
        assert (await script.get(address(site, "/video.mp4"))).content == site.clip


async def test_the_small_film_is_here_beside_the_clip_and_never_in_the_archive(site: Pulling) -> None:
    site.sluice.open()
    async with site.agent(), site.working(), site.hub.client() as script:
        await script.post(address(site, "/pull"), params={"quality": "sub"})
        await site.until(lambda state: state is not None and state.state == "partial")
        small = await script.get(address(site, "/sub.mp4"), headers={"range": "bytes=0-"})
        assert (small.status_code, small.headers["content-type"]) == (206, "video/mp4")
        assert pictures(small.content) > CLIP_SECONDS
        archive = (await script.get(address(site))).json()["archive"]
        assert (archive["here"], archive["sha256"], archive["prefix_bytes"]) == (["sub"], None, 0)
        assert (await script.get(address(site, "/video.mp4"))).status_code == 409
        await script.post(address(site, "/pull"), params={"quality": "sub"})
        assert site.queue.state(site.clip_id) == await site.until(lambda state: True)


async def test_what_the_agent_does_not_offer_is_said_with_what_it_does(site: Pulling) -> None:
    async with site.agent(signs=False), site.working(), site.hub.client() as script:
        await script.post(address(site, "/pull"), params={"quality": "sub"})
        await site.until(lambda state: state is not None and state.state == "failed")
        refused = await script.get(address(site, "/sub.mp4"), headers={"accept-language": "fr"})
        assert (refused.status_code, refused.json()["code"]) == (409, "not-offered")
        assert "thumbnail, keyframes, original" in refused.json()["detail"]
        assert refused.json()["detail"].startswith("Demandez")


async def test_it_says_why_it_waits(site: Pulling) -> None:
    async with site.hub.client() as script:

        async def archive() -> Any:
            return (await script.get(address(site))).json()["archive"]

        await script.post(address(site, "/pull"))
        assert ((await archive())["waits"], (await archive())["ahead"]) == ("queued", 0)
        await site.queue.request("f" * 22)
        assert site.queue.state("f" * 22).ahead == 1  # type: ignore[union-attr]
        async with site.working():
            await site.until(lambda state: state is not None and state.waits == "agent")
            assert "not connected" in (await archive())["detail"]
            async with site.agent():
                await site.until(lambda state: state is not None and state.waits == "link")
                assert (await archive())["bytes_per_second"] is None
                site.sluice.open()
                await site.until(lambda state: state is None)


async def test_open_pages_hear_how_far_it_is(site: Pulling) -> None:
    site.sluice.open()
    heard: list[Any] = []
    stream = stream_events(site.hub.services, None, lambda: True)
    assert "retry" in await anext(stream)
    async with site.agent(), site.working(), asyncio.timeout(60):
        await site.queue.request(site.clip_id, quality="keyframes")
        while not heard or heard[-1]["archive"]["state"] != "partial":
            message = await anext(stream)
            if message.startswith("event: pull"):
                heard.append(json.loads(message.partition("data: ")[2]))
    await stream.aclose()
    assert {each["clip_id"] for each in heard} == {site.clip_id}
    assert heard[-1]["archive"]["here"] == ["thumbnail", "keyframes"]


async def test_nobody_who_is_not_signed_in_sees_any_of_it(site: Pulling) -> None:
    async with site.hub.client(signed_in=False) as stranger:
        for path in ("/thumbnail.jpg", "/keyframes", "/keyframes/0.jpg", "/keyframes.mp4", "/sub.mp4", "/video.mp4"):
            assert (await stranger.get(address(site, path))).status_code == 401
        assert (await stranger.delete(address(site, "/pull"))).status_code == 401
