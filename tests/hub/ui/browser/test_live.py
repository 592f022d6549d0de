"""Live video in a real browser: from a film camera at a real agent, through the hub, to decoded pictures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from playwright.async_api import Browser, Page

from tests.hub.agents import until
from tests.hub.api.stage import NAME, Stage, camera, serving, stage
from tests.hub.ui.browser.conftest import open_board
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, live_agent
from tests.servers.nats_server import NatsServer, nats_server
from vigie_agent.video.light import Light

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
FRAMES = "() => Number(document.querySelector('live-view')?.dataset.frames ?? 0) > {count}"
TIME_SHOWN = "() => document.querySelector('live-view time').textContent.length === 8"


@asynccontextmanager
async def live_hub(folder: Path, server: NatsServer) -> AsyncIterator[tuple[Stage, Light]]:
    """A hub and an agent with one camera that plays."""
    client = await nats.connect(server.url)
    try:
        async with stage(folder, client) as hub, film_camera(folder) as film, live_agent(client, film) as (_, _, light):
            watching = asyncio.create_task(hub.watching.run())
            await hub.enrol(AGENT_ID, [camera(CAMERA_ID, "Main gate")])
            async with serving(hub):
                yield hub, light
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    finally:
        await client.close()


async def look(page: Page, purpose: str = "Case 114") -> None:
    await page.click("button[data-look]")
    await page.fill("#look-dialog [name=purpose]", purpose)
    await page.keyboard.press("Enter")


async def test_a_camera_is_watched_live_for_a_reason(tmp_path: Path, nats_server: NatsServer, browser: Browser) -> None:
    async with live_hub(tmp_path, nats_server) as (hub, light):
        page = await open_board(browser, hub.url)
        await look(page)
        await page.wait_for_function(FRAMES.format(count=30))
        await page.wait_for_function(TIME_SHOWN)
        size = await page.evaluate("(video => [video.videoWidth, video.videoHeight])(document.querySelector('video'))")
        assert size == [320, 180]
        assert "main stream 320×180" in await page.inner_text("live-view [data-rung]")
        assert "Case 114" in await page.inner_text("live-view [data-purpose]")
        assert light.watchers() == {CAMERA_ID: 1}
        await page.click("live-view [data-stop]")

        async def is_on_record() -> bool:
            return [row[1] for row in await hub.audited()][-1] == "viewing_ended"

        await until(is_on_record)
        assert (NAME, "viewing_started", f"{AGENT_ID}/{CAMERA_ID}") in await hub.audited()
        assert light.watchers() == {}
        await page.context.close()
