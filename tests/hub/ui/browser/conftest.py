"""A real Chromium before a real hub."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from tests.hub.api.stage import NAME, PASSWORD, Stage, serving, stage

CHROMIUM: Final = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests: starting it costs more than most of them. Each has a context of its own."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def hub(tmp_path: Path, browser: Browser) -> AsyncIterator[Stage]:
    async with stage(tmp_path) as opened:
        yield opened
        for context in browser.contexts:
            await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def url(hub: Stage) -> AsyncIterator[str]:
    """Where the hub listens."""
    async with serving(hub) as address:
        yield address


async def open_board(browser: Browser, url: str, locale: str = "en-GB") -> Page:
    """Sign in as a person does; fail on any error in the page's script or on a broken content policy."""
    context = await browser.new_context(
        locale=locale, timezone_id="Asia/Kolkata", viewport={"width": 1440, "height": 900}
    )
    page = await context.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: pytest.fail(f"the page's script failed: {error}"))
    await page.goto(url)
    await page.fill("[name=name]", NAME)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_selector("#line[data-state=live]")
    return page
