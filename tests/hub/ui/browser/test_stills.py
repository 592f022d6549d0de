"""A live view without a media connection, in a real browser: it falls back to one JPEG a second, and comes back."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.hub.agents import until
from tests.hub.ui.browser.conftest import open_board
from tests.hub.ui.browser.live_stage import PATIENCE_MS, frames, live_hub, look
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.detour import Wall, reach_through
from tests.hub.video.live_agents import CAMERA_ID
from tests.servers.nats_server import NatsServer, nats_server
from vigie_agent.video.media.light import Light
from vigie_hub.video.live import agent_media

__all__ = ["nats_server"]
pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]

STILLS = "count => Number(document.querySelector('live-view').dataset.stills ?? 0) >= count"
PICTURE = """
() => {
  const canvas = document.querySelector("live-view canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const time = document.querySelector("live-view time").dateTime;
  return [canvas.hidden, canvas.width, canvas.height, time, data.join()];
}
"""
ANOTHER = f"""
(known) => {{
  const shown = ({PICTURE.strip()})();
  return shown[3] > known[3] && shown[4] !== known[4];
}}
"""
"""A later picture that is not the same: the film repeats itself."""
DECIDE = """
async (events) => {
  const { Fallback } = await import("/static/fallback.js");
  let fallback = null;
  const decided = [];
  for (const [second, what] of events) {
    if (fallback === null) fallback = new Fallback(0);
    fallback[what](1000 * second);
    decided.push([fallback.media, fallback.stills]);
  }
  return decided;
}
"""
"""What is decided after each of the events: the second at which it comes, and its name."""
MEDIA, BOTH, RESTING = ["on", False], ["on", True], ["resting", True]
BREAK_AGAIN = """
async () => {
  const { Fallback } = await import("/static/fallback.js");
  const fallback = new Fallback(0);
  let now = 0;
  const rested = () => {
    const begun = now;
    while (fallback.media === "resting") fallback.tick(now += 1000);
    return (now - begun) / 1000;
  };
  const show = (seconds) => {
    for (let second = 0; second < seconds; second += 1) fallback.picture(now += 1000);
    fallback.trouble(now += 1000);
  };
  for (let time = 0; time < 3; time += 1) show(1);
  const rests = [];
  for (let time = 0; time < 5; time += 1) {
    rests.push(rested());
    show(1);
  }
  rested();
  show(40);
  return [rests, fallback.media, fallback.stills];
}
"""
"""How long media rests each time that it breaks at once, and what one break costs once it was steady."""


async def test_without_media_pictures_come_one_a_second_and_media_comes_back(
    tmp_path: Path, nats_server: NatsServer, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_media, "CONNECT_SECONDS", 3.0)
    with Wall() as way:
        async with live_hub(tmp_path, nats_server, known_as="far") as (hub, edge):
            await reach_through(way, edge.client, "far", AGENT_ID)
            page = await open_board(browser, hub.url)
            await page.clock.install()
            await look(page)
            await page.wait_for_selector("live-view")
            await page.clock.fast_forward(6_000)
            await page.wait_for_function(STILLS, arg=1, timeout=PATIENCE_MS)
            first = await page.evaluate(PICTURE)
            assert first[:3] == [False, 320, 180]
            assert await page.inner_text("live-view [data-rung]") == "one picture a second 320×180"
            assert await page.inner_text("live-view [data-why]") == "no video connection comes through"
            await page.wait_for_function(ANOTHER, arg=first, timeout=PATIENCE_MS)
            await until(lambda: _shines(edge.light))

            way.is_shut = False
            await page.clock.fast_forward(16_000)
            await page.clock.fast_forward(31_000)
            await frames(page, 5)
            assert await page.inner_text("live-view [data-rung]") == "main stream 320×180"
            assert await page.is_hidden("live-view canvas")

            async def one_looks() -> bool:
                return hub.looking.viewer_count == 0 and hub.watching.viewer_count == 1

            await until(one_looks)
            actions = [row[1] for row in await hub.audited()]
            assert actions.count("viewing_started") == actions.count("viewing_ended") + 1
            await page.context.close()


async def _shines(light: Light) -> bool:
    return light.watchers() == {CAMERA_ID: 1}


async def test_when_a_view_falls_back_and_when_it_tries_media_again(browser: Browser, url: str) -> None:
    page = await open_board(browser, url)

    async def decided(*events: tuple[int, str]) -> list[object]:
        return list(await page.evaluate(DECIDE, list(events)))

    slow = await decided((4, "tick"), (5, "tick"), (6, "picture"), (7, "tick"))
    assert slow == [MEDIA, BOTH, MEDIA, MEDIA]
    stalled = await decided((1, "picture"), (20, "tick"), (21, "tick"))
    assert stalled == [MEDIA, MEDIA, BOTH]
    lost = await decided((1, "picture"), (2, "trouble"), (6, "trouble"), (7, "tick"), (16, "tick"), (17, "tick"))
    assert lost == [MEDIA, MEDIA, MEDIA, BOTH, BOTH, RESTING]
    never = await decided((5, "tick"), (15, "tick"), (44, "tick"), (45, "tick"), (59, "tick"), (60, "tick"))
    assert never == [BOTH, RESTING, RESTING, BOTH, BOTH, RESTING]
    late = await decided((5, "tick"), (15, "tick"), (16, "picture"), (17, "tick"))
    assert late == [BOTH, RESTING, RESTING, RESTING], "what a closed session paints is no picture"
    assert await page.evaluate(BREAK_AGAIN) == [[30, 60, 120, 240, 240], "on", False]
