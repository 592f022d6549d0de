"""A hub that has seen enough hangs up; one that falls silent is a way that broke. The log tells them apart."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, live_agent
from vigie_hub.video.live.agent_media import AgentMedia
from vigie_shared.clock import SystemClock
from vigie_shared.media import Live
from vigie_shared.signaling import MediaWanted

ENDS = ("session_broken_off", "session_failed", "media_closed")


async def hung_up(media: AgentMedia) -> None:
    await media.close()


async def fallen_silent(media: AgentMedia) -> None:
    """As if its cable had been pulled."""
    for ice in {one.receiver.transport.transport._connection for one in media._connection.getTransceivers()}:
        for protocol in ice._protocols:
            setattr(protocol.transport, "sendto", lambda _data, _address: None)  # noqa: B010


@pytest.mark.parametrize(
    ("end", "said"), [(hung_up, "media_closed"), (fallen_silent, "session_broken_off")], ids=["hung up", "silent"]
)
async def test_the_log_says_who_ended_it(
    connection: Client, tmp_path: Path, end: Callable[[AgentMedia], Awaitable[None]], said: str
) -> None:
    came = asyncio.Event()
    async with (
        film_camera(tmp_path) as camera,
        live_agent(connection, camera) as (_answerer, desk, _light),
        AgentMedia(connection, AGENT_ID, SystemClock()) as media,
    ):
        media.on_frame = lambda _frame: came.set()
        with capture_logs() as lines:
            await media.open(MediaWanted(first=Live(camera_id=CAMERA_ID)))
            async with asyncio.timeout(30):
                await came.wait()
            await end(media)
            async with asyncio.timeout(60):
                while desk.session_count or not any(line["event"] in ENDS for line in lines):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
    assert [line["event"] for line in lines if line["event"] in ENDS] == [said]
