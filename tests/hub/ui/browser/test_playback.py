"""A clip in a real browser, from where it lies: which picture is on screen is read from the picture itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import filmed, open_store, settle
from tests.hub.ui.browser.conftest import open_board
from tests.hub.ui.browser.live_stage import PATIENCE_MS, frames, live_hub, look
from tests.hub.video.agents import AGENT_ID
from tests.media.films import Luma, make_film, noisy, street
from tests.servers.nats_server import NatsServer, nats_server
from vigie_shared.events import ClipStored

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
CLIP_SECONDS = 15
RATE = 20
SEEN = """
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
  const top = Math.max(...light);
  const bright = light.flatMap((sum, x) => (sum > 0.93 * top ? [x] : []));
  return (bright.reduce((sum, x) => sum + x, 0) / bright.length - 3.5) / 20;
}
"""
"""The time that the picture on screen shows."""
SAID = "() => Number(document.querySelector('live-view').dataset.position)"
"""The time that the page says."""
BOTH = f"([from, to]) => [({SEEN.strip()})(), ({SAID})()].every((at) => from <= at && at <= to)"


def bar(at_seconds: float) -> Luma:
    """A bright column that tells the time: 20 px a second, one a picture."""
    picture = street().copy()
    left = round(at_seconds * 20)
    picture[:, left : left + 8] = 255
    return noisy(picture, 1.0, round(at_seconds * 1000))


class Player(NamedTuple):
    """The page that shows a clip."""

    page: Page
    answer: str
    """The hub's session description."""

    async def shows(self, at_seconds: float, slack_seconds: float = 0.04) -> None:
        """Picture and page say that time, within less than a picture."""
        span = [at_seconds - slack_seconds, at_seconds + slack_seconds]
        try:
            await self.page.wait_for_function(BOTH, arg=span, timeout=PATIENCE_MS)
        except PlaywrightTimeout:
            seen, said = await self.page.evaluate(SEEN), await self.page.evaluate(SAID)
            pytest.fail(f"at {at_seconds} the picture is that of {seen}, and the page says {said}")

    async def click(self, what: str) -> None:
        await self.page.click(f"live-view [data-do={what}]")

    async def seek(self, at_seconds: float) -> None:
        await self.page.locator("live-view [type=range]").fill(f"{at_seconds:g}")


@pytest.fixture(scope="module")
def bar_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "bar.mp4"
    return make_film(path, bar, seconds=CLIP_SECONDS, frames_per_second=RATE)


@asynccontextmanager
async def playing(folder: Path, server: NatsServer, browser: Browser, film: Path) -> AsyncIterator[Player]:
    """A clip plays from its beginning."""
    clip = filmed(*await asyncio.to_thread(packets_of, film))
    store = await asyncio.to_thread(open_store, folder / "store")
    try:
        store.keep_clip(clip)
        await asyncio.to_thread(settle, store)
        events = [row.event for row in await asyncio.to_thread(store.outbox_after, "clip", 0, 100)]
        async with live_hub(folder, server, store) as (hub, _edge):
            await hub.report(AGENT_ID, *(event for event in events if isinstance(event, ClipStored)))
            page = await open_board(browser, hub.url)
            async with page.expect_response("**/whep/clips/**", timeout=PATIENCE_MS) as answered:
                await look(page, button="button[data-look-clip]")
            answer = await (await answered.value).text()
            await frames(page, 5)
            yield Player(page, answer)
            await page.context.close()
    finally:
        await asyncio.to_thread(store.close)


async def test_a_clip_plays_from_where_it_lies_and_seeks(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, bar_film: Path
) -> None:
    async with playing(tmp_path, nats_server, browser, bar_film) as player:
        assert "clip" in await player.page.inner_text("live-view [data-rung]")
        await player.seek(9)
        await player.shows(12, slack_seconds=3.05)
        await frames(player.page, 10)


async def test_seeking_and_stepping_while_paused_shows_the_very_picture(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, bar_film: Path
) -> None:
    async with playing(tmp_path, nats_server, browser, bar_film) as player:
        assert "rtp-hdrext/playout-delay" in player.answer, "else a browser takes seconds over it, or for ever"
        await player.click("pause")
        for at_seconds in (10.0, 10.5, 3.3, 12.9):
            await player.seek(at_seconds)
            await player.shows(at_seconds)
        for what, at_seconds in (("on", 12.95), ("on", 13.0), ("back", 12.95), ("back", 12.9), ("back", 12.85)):
            await player.click(what)
            await player.shows(at_seconds)


async def test_the_end_of_a_clip_is_said_and_somebody_may_go_back(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, bar_film: Path
) -> None:
    async with playing(tmp_path, nats_server, browser, bar_film) as player:
        said = player.page.locator("live-view [data-over]")
        assert await said.is_hidden()
        await player.seek(CLIP_SECONDS - 1)
        await said.wait_for(timeout=PATIENCE_MS)
        assert await said.inner_text() == "The clip is over."
        await player.shows(CLIP_SECONDS - 1 / RATE)
        await player.click("back")
        await said.wait_for(state="hidden", timeout=PATIENCE_MS)
        await player.shows(CLIP_SECONDS - 2 / RATE)
