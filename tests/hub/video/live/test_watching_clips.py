"""A clip at the edge, played through the hub: its one viewer steers it."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from nats.aio.client import Client

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import filmed, open_store, settle
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live.test_watching import watching_hub
from tests.hub.video.live_agents import TestViewer, film_camera, live_agent
from tests.media.films import make_film, walk
from vigie_agent.store import Store
from vigie_hub.tickets.target import Target
from vigie_shared.media import CameraClock, Pause, Play, Seek, Showing


@pytest_asyncio.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await asyncio.to_thread(open_store, tmp_path / "store")
    yield store
    await asyncio.to_thread(store.close)


async def test_a_clip_is_sought_and_held(connection: Client, tmp_path: Path, store: Store) -> None:
    film = await asyncio.to_thread(make_film, tmp_path / "walk.mp4", walk(0, 20), seconds=20)
    clip = filmed(*await asyncio.to_thread(packets_of, film))
    store.keep_clip(clip)
    await asyncio.to_thread(settle, store)
    viewer = TestViewer()
    async with (
        film_camera(tmp_path) as camera,
        live_agent(connection, camera, store=store),
        watching_hub(connection, tmp_path) as hub,
    ):
        target = Target.clip(clip.clip_id)
        ticket, secret = await hub.tickets.issue("amal", target, "Case 114")
        await hub.tickets.redeem(secret, "amal", target)
        first = Play(clip_id=clip.clip_id)
        watched = await hub.watching.watch(ticket, AGENT_ID, first, await viewer.offer(), lambda: True)
        await viewer.accept(watched.sdp)
        await viewer.has_frames(5)
        showing = await viewer.has_heard(Showing)
        assert isinstance(showing, Showing)
        assert (showing.rung, showing.clip_id) == ("clip", clip.clip_id)
        viewer.say(Pause())
        await asyncio.sleep(1)
        known = len(viewer.frames)
        viewer.say(Seek(at_seconds=10))
        await viewer.has_frames(known + 1)
        await asyncio.sleep(0.5)
        clocks = [message for message in viewer.messages if isinstance(message, CameraClock)]
        assert clocks[-1].at_seconds is not None
        assert 8 <= clocks[-1].at_seconds <= 10.2
        held = len(viewer.frames)
        await asyncio.sleep(0.5)
        assert len(viewer.frames) == held
    await viewer.close()
    stamps = [frame.timestamp for frame in viewer.frames]
    assert all(before < after for before, after in itertools.pairwise(stamps))
