"""The ends of a pull over an emulated link: an agent with a film for a camera, a hub that times its first pictures."""

import asyncio
import json
import logging
import sys
import time
from pathlib import Path

import nats
import structlog

from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, FilmCamera, live_agent
from vigie_hub.video.live.agent_media import AgentMedia
from vigie_hub.video.live.warm import WarmPeers
from vigie_shared.clock import SystemClock
from vigie_shared.media import Live
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.signaling import MediaWanted

PICTURE_SECONDS = 20.0
PAUSE_SECONDS = 0.27
"""Another share of a group of pictures each time."""


async def agent(url: str, clip: Path) -> None:
    """Serve until stopped."""
    camera = FilmCamera(clip)
    await asyncio.to_thread(camera.start)
    client = await nats.connect(url)
    async with live_agent(client, camera):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def hub(url: str, rounds: int) -> None:
    """Print one line of JSON a round: milliseconds to the first picture, cold and warm."""
    client = await nats.connect(url)
    await client.flush()
    async with asyncio.TaskGroup() as group:
        for _round in range(rounds):
            peers = WarmPeers(lambda agent_id: AgentMedia(client, agent_id, SystemClock()), group)
            cold = await _first_picture(peers)
            await asyncio.sleep(PAUSE_SECONDS)
            warm = await _first_picture(peers)
            print(json.dumps({"cold_ms": cold, "warm_ms": warm}), flush=True)
            await peers.cool()
            await asyncio.sleep(PAUSE_SECONDS)
    await client.close()


async def _first_picture(peers: WarmPeers) -> float:
    came = asyncio.Event()

    def attach(media: AgentMedia) -> None:
        def on_frame(_frame: ReceivedFrame) -> None:
            came.set()

        media.on_frame = on_frame

    began = time.perf_counter()
    media = await peers.take(AGENT_ID, MediaWanted(), Live(camera_id=CAMERA_ID), attach)
    async with asyncio.timeout(PICTURE_SECONDS):
        await came.wait()
    passed = (time.perf_counter() - began) * 1000
    peers.give(media)
    while not peers.idle_count:  # noqa: ASYNC110 - until the agent has said that it stopped
        await asyncio.sleep(0.01)
    return passed


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    role, address, last = sys.argv[1:]
    asyncio.run(agent(address, Path(last)) if role == "agent" else hub(address, int(last)))
