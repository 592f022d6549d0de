"""A hub with one agent that shows a film as its camera, and clips; and what people do on its page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import nats
from nats.aio.client import Client
from playwright.async_api import Page

from tests.hub.api.stage import Stage, camera, serving, stage
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, live_agent, stills_agent
from tests.servers.nats_server import NatsServer
from vigie_agent.store import Store
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.media.light import Light

PATIENCE_MS = 60_000
_FRAMES = "count => Number(document.querySelector('live-view')?.dataset.frames ?? 0) >= count"


class Edge(NamedTuple):
    """The agent's side, and the hub's connection to nats-server."""

    answerer: Answerer
    light: Light
    client: Client


@asynccontextmanager
async def live_hub(
    folder: Path, server: NatsServer, store: Store | None = None, known_as: str = AGENT_ID
) -> AsyncIterator[tuple[Stage, Edge]]:
    """A hub and an agent with one camera that plays, and clips of `store`."""
    client = await nats.connect(server.url)
    try:
        async with (
            stage(folder, client) as hub,
            film_camera(folder) as film,
            live_agent(client, film, store=store) as (answerer, _desk, light),
            stills_agent(client, film, light=light),
        ):
            services = [asyncio.create_task(one.run()) for one in (hub.watching, hub.looking)]
            try:
                await hub.enrol(known_as, [camera(CAMERA_ID, "Main gate")])
                async with serving(hub):
                    yield hub, Edge(answerer, light, client)
            finally:
                for service in services:
                    service.cancel()
                await asyncio.gather(*services, return_exceptions=True)
    finally:
        await client.close()


async def look(page: Page, purpose: str = "Case 114", button: str = "button[data-look]") -> None:
    """Ask to see the camera, and say why."""
    await page.click(button)
    await page.fill("#look-dialog [name=purpose]", purpose)
    await page.keyboard.press("Enter")


async def frames(page: Page, count: int) -> None:
    """Wait for as many more pictures, decoded and shown."""
    known = int(await page.get_attribute("live-view", "data-frames") or 0)
    await page.wait_for_function(_FRAMES, arg=known + count, timeout=PATIENCE_MS)
