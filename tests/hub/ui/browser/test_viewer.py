"""A clip comes rung by rung before somebody's eyes: real Chromium, hub, agent and link, the last in the test's hand."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.hub.api.stage import serving
from tests.hub.ui.browser.conftest import open_board
from tests.hub.video.pulling_stage import CLIP_SECONDS, Pulling, film_of_a_clip, pulling
from tests.servers.nats_server import NatsServer, nats_server
from vigie_shared.transfer import BLOCK_BYTES

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PATIENCE_MS = 60_000
PLAYS = """
seconds => {
  const video = document.querySelector(".stage video");
  return video.played.length > 0 && video.currentTime >= seconds;
}
"""
BEYOND = """
([value, max]) => {
  const bar = document.querySelector("progress");
  return bar && (max === null || bar.max === max) && bar.value > value && bar.value < bar.max && bar.value;
}
"""
STRIP = "count => document.querySelectorAll('.strip li').length >= count"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return film_of_a_clip(tmp_path_factory.mktemp("film"))


@asynccontextmanager
async def watched(
    folder: Path, server: NatsServer, browser: Browser, clip: bytes, locale: str = "en-GB"
) -> AsyncIterator[tuple[Pulling, Page]]:
    """Somebody looks at the page of a hub whose agent has one clip."""
    async with (
        pulling(folder, server.url, clip) as site,
        site.agent(),
        site.working(),
        serving(site.hub) as url,
    ):
        page = await open_board(browser, url, locale)
        page.set_default_timeout(PATIENCE_MS)
        yield site, page
        await page.context.close()


async def bar_is_beyond(page: Page, value: float, of_bytes: int | None = None) -> float:
    """What the bar shows, once that is more; of a rung of so many bytes."""
    shown = await page.wait_for_function(BEYOND, arg=[value, of_bytes], timeout=PATIENCE_MS)
    return float(await shown.json_value())


async def test_picture_then_keyframes_then_clip_and_the_bar_goes_up(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, clip: bytes
) -> None:
    async with watched(tmp_path, nats_server, browser, clip) as (site, page):
        await page.focus(".clip [data-play]")
        await page.keyboard.press("Enter")
        await page.get_by_role("progressbar").wait_for()
        await site.drip(lambda state: "thumbnail" in state.seen.rungs())
        await page.wait_for_function(STRIP, arg=1)
        poster = await page.get_attribute(".stage video", "poster")
        assert poster == f"/api/v1/clips/{site.clip_id}/thumbnail.jpg"
        assert "keyframes" in await page.inner_text(".coming [role=status]")
        begun = await bar_is_beyond(page, 0)
        await site.drip(lambda state: len(state.seen.heads) >= CLIP_SECONDS // 2)
        await page.wait_for_function(STRIP, arg=CLIP_SECONDS // 2)
        await bar_is_beyond(page, begun)
        await site.drip(lambda state: state.quality == "original" and state.of_bytes > 0)
        await page.wait_for_function(STRIP, arg=CLIP_SECONDS)
        times = await page.locator(".strip span").all_inner_texts()
        assert times == [f"0:0{second}" for second in range(CLIP_SECONDS)]
        for image in await page.locator(".strip img").all():
            await image.scroll_into_view_if_needed()
            await image.evaluate("image => image.decode()")
        await page.focus(".strip [data-seek='6.0']")
        await page.keyboard.press("Enter")
        await page.wait_for_function(PLAYS, arg=6)
        begun = await bar_is_beyond(page, 0, len(clip))
        await site.drip(lambda state: state.arrived_bytes > begun + BLOCK_BYTES)
        await bar_is_beyond(page, begun, len(clip))
        await page.wait_for_selector("progress[aria-valuenow]")
        assert "TCP" in await page.inner_text(".numbers")
        site.sluice.open()
        await page.wait_for_selector(".stage [data-key=whole]")
        assert await page.locator(".verdict.state-good").count() == 1
        await page.click(".strip [data-seek='3.0']")
        await page.wait_for_function(PLAYS, arg=3)


async def test_it_is_stopped_and_continued_by_keyboard_in_arabic(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, clip: bytes
) -> None:
    async with watched(tmp_path, nats_server, browser, clip, "ar-MA") as (site, page):
        await page.click(".clip [data-play]")
        await site.drip(lambda state: state.seen.prefix_bytes >= BLOCK_BYTES)
        await bar_is_beyond(page, 0, len(clip))
        await page.focus(".coming [data-stop]")
        await page.keyboard.press("Enter")
        again = page.locator(".coming [data-bring=original]")
        await again.wait_for()
        assert await page.get_by_role("progressbar").count() == 0
        assert "توقف" in await page.inner_text(".coming [role=status]")
        stop, panel = await again.bounding_box(), await page.locator(".coming").bounding_box()
        assert stop is not None
        assert panel is not None
        assert stop["x"] + stop["width"] > panel["x"] + panel["width"] * 0.8, "it begins at the right"
        first, last = [await page.locator(f".strip [data-seek='{second}']").bounding_box() for second in (0.0, 7.0)]
        assert first is not None
        assert last is not None
        assert first["x"] < last["x"], "time runs from left to right in every language"
        await page.wait_for_selector(".stage [data-key=beginning]")
        await page.click(".strip [data-seek='1.0']")
        await page.wait_for_function(PLAYS, arg=1)
        site.sluice.open()
        await again.focus()
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".stage [data-key=whole]")


async def test_only_the_keyframes_are_brought_and_more_is_offered(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, clip: bytes
) -> None:
    async with watched(tmp_path, nats_server, browser, clip) as (site, page):
        site.sluice.open()
        await page.click(".clip [data-keyframes]")
        await page.wait_for_selector(".coming [role=status] >> text=The clip itself stays at the edge")
        assert site.sluice.passed_bytes < len(clip) * 0.8
        await page.wait_for_selector(".clip .where >> text=here in part")
        await page.click(".coming [data-bring=sub]")
        await page.wait_for_selector(".stage [data-key=sub]")
        await page.wait_for_function(PLAYS, arg=0.3)
