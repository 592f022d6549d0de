"""Live video in a real browser: from a film camera at a real agent, through the hub, to decoded pictures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import nats
import pytest
from playwright.async_api import Browser, Page

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import filmed, open_store, settle
from tests.hub.agents import until
from tests.hub.api.stage import NAME, Stage, camera, serving, stage
from tests.hub.ui.browser.conftest import open_board
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, live_agent
from tests.media.films import Luma, make_film, noisy, street
from tests.servers.nats_server import NatsServer, nats_server
from vigie_agent.store import Store
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.media.light import Light
from vigie_shared.events import ClipStored

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
FRAMES = "() => Number(document.querySelector('live-view')?.dataset.frames ?? 0) > {count}"
CLIP_SECONDS = 30
PATIENCE_MS = 60_000
COLUMN = """
() => {
  const video = document.querySelector("live-view video");
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 96];
  const context = canvas.getContext("2d");
  context.drawImage(video, 0, 0, 320, 96);
  const { data } = context.getImageData(0, 0, 320, 96);
  const light = Array.from({ length: 320 }, (_, x) => {
    let sum = 0;
    for (let y = 0; y < 96; y++) sum += data[4 * (y * 320 + x)];
    return sum;
  });
  return light.indexOf(Math.max(...light)) / 8;
}
"""
TIME_SHOWN = "() => document.querySelector('live-view time').textContent.length === 8"


class Edge(NamedTuple):
    """The agent's side."""

    answerer: Answerer
    light: Light


@asynccontextmanager
async def live_hub(folder: Path, server: NatsServer, store: Store | None = None) -> AsyncIterator[tuple[Stage, Edge]]:
    """A hub and an agent with one camera that plays, and clips of `store`."""
    client = await nats.connect(server.url)
    try:
        async with (
            stage(folder, client) as hub,
            film_camera(folder) as film,
            live_agent(client, film, store=store) as (answerer, _desk, light),
        ):
            watching = asyncio.create_task(hub.watching.run())
            try:
                await hub.enrol(AGENT_ID, [camera(CAMERA_ID, "Main gate")])
                async with serving(hub):
                    yield hub, Edge(answerer, light)
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
    finally:
        await client.close()


async def look(page: Page, purpose: str = "Case 114") -> None:
    await page.click("button[data-look]")
    await page.fill("#look-dialog [name=purpose]", purpose)
    await page.keyboard.press("Enter")


async def frames(page: Page, count: int) -> None:
    """Wait for as many more pictures, decoded and shown."""
    known = int(await page.get_attribute("live-view", "data-frames") or 0)
    await page.wait_for_function(FRAMES.format(count=known + count - 1), timeout=PATIENCE_MS)


async def test_a_camera_is_watched_live_for_a_reason(tmp_path: Path, nats_server: NatsServer, browser: Browser) -> None:
    async with live_hub(tmp_path, nats_server) as (hub, edge):
        page = await open_board(browser, hub.url)
        await look(page)
        await frames(page, 30)
        await page.wait_for_function(TIME_SHOWN, timeout=PATIENCE_MS)
        size = await page.evaluate("(video => [video.videoWidth, video.videoHeight])(document.querySelector('video'))")
        assert size == [320, 180]
        assert "main stream 320×180" in await page.inner_text("live-view [data-rung]")
        assert "Case 114" in await page.inner_text("live-view [data-purpose]")
        assert edge.light.watchers() == {CAMERA_ID: 1}
        await page.click("live-view [data-stop]")

        async def is_on_record() -> bool:
            return [row[1] for row in await hub.audited()][-1] == "viewing_ended"

        async def is_dark() -> bool:
            return edge.light.watchers() == {}

        await until(is_on_record)
        assert (NAME, "viewing_started", f"{AGENT_ID}/{CAMERA_ID}") in await hub.audited()
        await until(is_dark)
        await page.context.close()


async def test_pictures_go_on_after_the_link_to_the_agent_dropped(
    tmp_path: Path, nats_server: NatsServer, browser: Browser
) -> None:
    async with live_hub(tmp_path, nats_server) as (hub, edge):
        page = await open_board(browser, hub.url)
        await look(page)
        await frames(page, 10)
        (session,) = edge.answerer._sessions.values()
        session.cancel()
        await page.wait_for_selector("live-view .trouble:not([hidden])")
        assert "The way to the agent is lost" in await page.inner_text("live-view .trouble")
        await frames(page, 20)
        assert await page.locator("live-view .trouble").is_hidden()
        await page.context.close()


def bar(at_seconds: float) -> Luma:
    """A bright column that tells the time: 8 px a second."""
    picture = street().copy()
    left = round(at_seconds * 8)
    picture[:, left : left + 8] = 255
    return noisy(picture, 1.0, round(at_seconds * 1000))


async def test_a_clip_plays_from_where_it_lies_and_seeks(
    tmp_path: Path, nats_server: NatsServer, browser: Browser
) -> None:
    film = await asyncio.to_thread(make_film, tmp_path / "bar.mp4", bar, seconds=CLIP_SECONDS, frames_per_second=20)
    clip = filmed(*await asyncio.to_thread(packets_of, film))
    store = await asyncio.to_thread(open_store, tmp_path / "store")
    store.keep_clip(clip)
    await asyncio.to_thread(settle, store)
    events = [row.event for row in await asyncio.to_thread(store.outbox_after, "clip", 0, 100)]
    async with live_hub(tmp_path, nats_server, store) as (hub, _edge):
        await hub.report(AGENT_ID, *(event for event in events if isinstance(event, ClipStored)))
        page = await open_board(browser, hub.url)
        await page.click("button[data-look-clip]")
        await page.fill("#look-dialog [name=purpose]", "Case 114")
        await page.keyboard.press("Enter")
        await frames(page, 5)
        assert await page.evaluate(COLUMN) < 12
        await page.locator("live-view [type=range]").fill("20")
        await page.wait_for_function(f"() => ({COLUMN.strip()})() >= 19.5", timeout=PATIENCE_MS)
        await page.click("live-view [data-do=pause]")
        await frames(page, 0)
        assert "clip" in await page.inner_text("live-view [data-rung]")
        await page.context.close()
    await asyncio.to_thread(store.close)
