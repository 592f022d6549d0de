"""The page in a real browser."""

import asyncio

import pytest
from playwright.async_api import Browser, Page

from tests.hub.api.stage import NAME, PASSWORD, Stage, camera, crop, serving
from tests.hub.ui.browser.conftest import open_board
from tests.hub.ui.browser.film import film

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
PLATE = "12345|أ|6"
GLYPHS = """
plate => [...plate.querySelectorAll("bdi")].map(part => {
  const range = document.createRange();
  range.selectNodeContents(part);
  const box = range.getBoundingClientRect();
  return {text: part.textContent, left: box.left, right: box.right};
})
"""
PLAYED = """
video => new Promise((resolve, reject) => {
  video.addEventListener("timeupdate", () => video.currentTime > 0.3 && resolve([video.videoWidth, video.videoHeight]));
  video.addEventListener("error", () => reject(video.error.message));
})
"""
MARKED = "document.documentElement.dataset.marked"


async def _hit(hub: Stage, data: bytes = b"clip") -> str:
    """A vehicle on the hotlist passes; the clip's id."""
    motion = hub.motion("in")
    clip = hub.clip(motion, data)
    await hub.report("gate", motion, hub.read(PLATE, motion), hub.quiet(motion, 5), clip)
    return clip.clip_id


async def test_events_and_alerts_arrive_without_reload(hub: Stage, url: str, browser: Browser) -> None:
    await hub.services.hotlist.add(PLATE, "Stolen, case 114", NAME)
    await hub.enrol("gate", [camera("in", "Main gate")], backlog=4)
    page = await open_board(browser, url)
    await page.evaluate(f"{MARKED} = 'same document'")
    assert await page.locator(".card").count() == 0
    assert "hotlist" in await page.inner_text("#alerts .empty")
    await _hit(hub)
    card = page.locator(".card")
    await card.wait_for()
    assert "Stolen, case 114" in await card.inner_text()
    assert "Main gate" in await card.inner_text()
    assert "97%" in await card.inner_text()
    await page.wait_for_selector(".event-plate_read")
    await page.wait_for_selector(".event-clip_stored")
    assert await page.locator(".event").count() == 4
    assert await page.evaluate(MARKED) == "same document"


async def test_alert_keeps_its_place_and_gets_its_picture(hub: Stage, url: str, browser: Browser) -> None:
    await hub.services.hotlist.add(PLATE, "Stolen", NAME)
    await _hit(hub)
    page = await open_board(browser, url)
    assert await page.locator(".card .crop img").count() == 0
    alert_id = await page.get_attribute(".card", "data-key")
    assert alert_id is not None
    await hub.picture(alert_id, crop("12345 6"))
    await page.wait_for_selector(".card .crop img")
    await page.locator(".card .crop img").evaluate("image => image.decode()")
    await _hit(hub)
    await page.wait_for_selector(".card + .card")
    views = [row for row in await hub.audited() if row[1] == "crop_viewed"]
    assert views == [(NAME, "crop_viewed", alert_id)]


async def test_stream_goes_on_after_the_hub_was_away(hub: Stage, browser: Browser) -> None:
    async with serving(hub) as url:
        page = await open_board(browser, url)
    await page.wait_for_selector("#line[data-state=broken]")
    assert await page.inner_text("#line") == "Reconnecting…"


async def test_arabic_page_runs_right_to_left_and_plates_left_to_right(hub: Stage, url: str, browser: Browser) -> None:
    await hub.services.hotlist.add(PLATE, "Stolen", NAME)
    await _hit(hub)
    page = await open_board(browser, url, locale="ar-MA")
    assert await page.evaluate("getComputedStyle(document.body).direction") == "rtl"
    assert "التنبيهات" in await page.inner_text("#alerts-title")
    for selector in (".card .plate", ".event .plate", ".entry .plate"):
        parts = await page.locator(selector).first.evaluate(GLYPHS)
        assert [part["text"] for part in parts] == ["12345", "أ", "6"]
        assert parts[0]["right"] < parts[1]["left"] < parts[1]["right"] < parts[2]["left"], selector
    viewer, live = await _left(page, "#viewer-panel"), await _left(page, ".panel-live")
    assert viewer > live


async def _left(page: Page, selector: str) -> float:
    box = await page.locator(selector).bounding_box()
    assert box is not None
    return box["x"]


async def test_language_is_switched_and_remembered(hub: Stage, url: str, browser: Browser) -> None:
    page = await open_board(browser, url)
    await page.click("nav.languages a[lang=fr]")
    await page.wait_for_selector("html[lang=fr]")
    assert await page.inner_text("#alerts-title") == "Alertes"
    await page.goto(url)
    assert await page.get_attribute("html", "lang") == "fr"


async def test_a_clip_is_brought_verified_and_really_plays(hub: Stage, url: str, browser: Browser) -> None:
    await hub.services.hotlist.add(PLATE, "Stolen", NAME)
    clip_id = await _hit(hub, await asyncio.to_thread(film, 3))
    page = await open_board(browser, url)
    await page.click(".card [data-play]")
    await page.wait_for_selector("#viewer progress")
    assert hub.edge.requested == [(clip_id, "keyframes"), (clip_id, "original")]
    hub.edge.come_to(clip_id, state="pulling", quality="original", arrived_bytes=1000, of_bytes=4000)
    await page.wait_for_selector("#viewer progress[value='1000'][aria-valuenow='25']")
    await hub.edge.deliver(clip_id)
    await page.wait_for_selector("#viewer video")
    assert await page.locator("#viewer video").evaluate(PLAYED) == [320, 180]
    digests = await page.locator(".digests code").all_inner_texts()
    assert len(digests) == 2
    assert digests[0] == digests[1]
    assert "Equal at agent and hub" in await page.inner_text(".verdict")
    await page.wait_for_selector(".clip .state-good")
    assert (NAME, "clip_viewed", clip_id) in await hub.audited()


async def test_failed_pull_says_why_and_offers_another_try(hub: Stage, url: str, browser: Browser) -> None:
    clip_id = await _hit(hub)
    page = await open_board(browser, url)
    await page.click(".clip [data-play]")
    await page.wait_for_selector("#viewer progress")
    hub.edge.come_to(clip_id, state="failed", detail="gate does not answer")
    await page.wait_for_selector("#viewer .trouble")
    assert "gate does not answer" in await page.inner_text("#viewer")
    await page.click("#viewer [data-bring]")
    await page.wait_for_selector("#viewer progress")
    assert hub.edge.requested == [(clip_id, "keyframes"), (clip_id, "original")] * 2


async def test_clip_is_held_by_keyboard_for_a_reason(hub: Stage, url: str, browser: Browser) -> None:
    await hub.enrol("gate", [camera("in", "Main gate")])
    clip_id = await _hit(hub)
    page = await open_board(browser, url)
    await page.focus(".clip [data-hold]")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#hold-dialog[open]")
    assert "Main gate" in await page.inner_text("#hold-dialog [data-about]")
    await page.keyboard.type("Case 114")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".clip .state-waiting[title='Case 114']")
    assert not await page.is_visible("#hold-dialog")
    await page.wait_for_function("document.activeElement.dataset.wanted === 'false'")
    assert (NAME, "pin_placed", clip_id) in await hub.audited()


async def test_hotlist_is_edited_by_keyboard(hub: Stage, url: str, browser: Browser) -> None:
    page = await open_board(browser, url)
    await page.focus("#hotlist-form [name=text]")
    await page.keyboard.type("|||")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Stolen")
    await page.keyboard.press("Enter")
    await page.wait_for_selector("#hotlist-form .trouble:not([hidden])")
    await page.fill("#hotlist-form [name=text]", "12345 A 6")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".entry .plate")
    assert await page.locator("#hotlist-form .trouble").is_hidden()
    await page.focus(".entry button")
    await page.keyboard.press("Enter")
    await page.wait_for_selector(".hotlist .empty")


async def test_typed_plate_keeps_its_region_on_the_right(hub: Stage, url: str, browser: Browser) -> None:
    page = await open_board(browser, url)
    assert (
        await page.eval_on_selector(".plate-input", "input => getComputedStyle(input).unicodeBidi") == "bidi-override"
    )


async def test_times_are_the_readers_with_24_hours_and_zone(hub: Stage, url: str, browser: Browser) -> None:
    await hub.report("gate", hub.motion("in"))
    page = await open_board(browser, url)
    assert await page.inner_text(".event time") == "20:11:03 UTC+5:30"


async def test_wrong_password_is_said_in_the_readers_language(hub: Stage, url: str, browser: Browser) -> None:
    page = await browser.new_page(locale="fr-FR")
    await page.goto(url)
    await page.fill("[name=name]", NAME)
    await page.fill("[name=password]", PASSWORD + "!")
    await page.press("[name=password]", "Enter")
    assert "Nom ou mot de passe incorrect" in await page.inner_text("[role=alert]")


async def test_names_of_others_are_text_and_never_markup(hub: Stage, url: str, browser: Browser) -> None:
    await hub.services.hotlist.add(PLATE, "<img src=x onerror=alert(1)><b>x</b>", NAME)
    await hub.enrol("gate", [camera("in", "<script>alert(1)</script>")])
    await _hit(hub)
    page = await open_board(browser, url)
    assert "<img src=x" in await page.inner_text(".card .reason")
    assert "<script>" in await page.inner_text(".cameras")
    assert await page.locator(".card .reason b").count() == 0


async def test_signing_out_leads_back_to_the_sign_in_page(hub: Stage, url: str, browser: Browser) -> None:
    page = await open_board(browser, url)
    await page.click(".signed-in button")
    await page.wait_for_selector("[name=password]")
    await page.goto(url)
    assert page.url.endswith("/login")


async def test_page_names_no_other_host_and_promises_no_biometrics(hub: Stage, url: str, browser: Browser) -> None:
    page = await open_board(browser, url)
    hosts = await page.evaluate("performance.getEntriesByType('resource').map(entry => new URL(entry.name).origin)")
    assert set(hosts) == {url}
    assert "no face, gait or voice recognition" in await page.inner_text("footer")
