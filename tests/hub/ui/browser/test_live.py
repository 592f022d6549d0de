"""Live video in a real browser: from a film camera at a real agent, through the hub, to decoded pictures."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, Route

from tests.hub.agents import until
from tests.hub.api.stage import NAME
from tests.hub.ui.browser.conftest import open_board
from tests.hub.ui.browser.live_stage import PATIENCE_MS, frames, live_hub, look
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.detour import Detour, reach_through
from tests.hub.video.live_agents import CAMERA_ID
from tests.servers.nats_server import NatsServer, nats_server

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
WATCH = """
() => {
  const view = document.querySelector("live-view");
  window.told = [];
  new MutationObserver(() => told.push(view.dataset.state, view.querySelector(".trouble").textContent.trim()))
    .observe(view, { subtree: true, childList: true, characterData: true, attributeFilter: ["hidden", "data-state"] });
}
"""
"""Notes all that is told from now on, however shortly."""
TOLD = "what => told.some((text) => text.includes(what))"
TIME_SHOWN = "() => document.querySelector('live-view time').textContent.length === 8"


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


async def test_pictures_go_on_after_the_way_to_the_agent_went_dead(
    tmp_path: Path, nats_server: NatsServer, browser: Browser
) -> None:
    with Detour() as way:
        async with live_hub(tmp_path, nats_server, known_as="far") as (hub, edge):
            await reach_through(way, edge.client, "far", AGENT_ID)
            page = await open_board(browser, hub.url)
            await look(page)
            await frames(page, 10)
            await page.evaluate(WATCH)
            way.cut()
            await page.wait_for_function(TOLD, arg="The way to the agent is lost", timeout=PATIENCE_MS)
            await frames(page, 20)
            await page.wait_for_selector("live-view .trouble", state="hidden", timeout=PATIENCE_MS)
            await page.context.close()


async def test_pictures_go_on_after_the_way_to_the_hub_went_dead(
    tmp_path: Path, nats_server: NatsServer, browser: Browser
) -> None:
    with Detour() as way:

        async def lead_around(route: Route) -> None:
            response = await route.fetch()
            await route.fulfill(response=response, body=way.around(await response.text()))

        async with live_hub(tmp_path, nats_server) as (hub, _edge):
            page = await open_board(browser, hub.url)
            await page.route("**/whep/cameras/**", lead_around)
            await look(page)
            await frames(page, 10)
            await page.evaluate(WATCH)
            way.cut()
            await page.wait_for_function(TOLD, arg="broken", timeout=PATIENCE_MS)
            await frames(page, 20)
            await page.wait_for_selector("live-view[data-state=live]", timeout=PATIENCE_MS)
            sessions = [row[1] for row in await hub.audited()]
            assert sessions.count("viewing_started") >= 2, "the page made a session anew, with a ticket of its own"
            await page.context.close()
