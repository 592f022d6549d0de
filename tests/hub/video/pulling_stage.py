"""A hub and an agent with one clip: real API, queue, puller, nats-server, TCP road; the link is in the test's hand."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import nats
from nats.aio.client import Client

from tests.agent.capture.films import packets_of
from tests.hub.api.stage import BEGAN_AT, Stage, camera, stage
from tests.hub.video.agents import AGENT_ID, CLIP_ID, Clips, answering
from tests.hub.video.sluice import Sluice
from tests.hub.video.tcp import Gate, open_gate
from tests.media.films import make_film, walk
from vigie_agent.clips.remux import remux
from vigie_hub.api.application import create_api
from vigie_hub.video.pull.progress import PullState
from vigie_hub.video.pull.puller import PullLimits
from vigie_hub.video.pull.pulls import PullQueue
from vigie_shared.events import ClipStored

CLIP_SECONDS = 8
PATIENT = PullLimits(stall_seconds=60, retry_seconds=0.05, retry_seconds_max=0.05)


def film_of_a_clip(folder: Path) -> bytes:
    """As the agent keeps it: a keyframe each second, some blocks."""
    path = make_film(folder / "clip.mp4", walk(1, 6), seconds=CLIP_SECONDS, kbps=900)
    return b"".join(remux(*packets_of(path)).segments)


@dataclass
class Pulling:
    """The hub, its agent, and the link between them."""

    hub: Stage
    gate: Gate
    client: Client
    clip: bytes
    sluice: Sluice
    queue: PullQueue
    clip_id: str = CLIP_ID

    @asynccontextmanager
    async def agent(self, *, signs: bool = True) -> AsyncIterator[None]:
        """It is there, in a release of today or in an old one."""
        clips = Clips(self.clip)
        there = (
            self.gate.answering(self.client, clips, budget=self.sluice)
            if signs
            else answering(self.client, clips, budget=self.sluice)
        )
        async with there:
            self.queue.alive(AGENT_ID)
            yield

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """The hub pulls."""
        async with asyncio.TaskGroup() as group:
            running = group.create_task(self.queue.run())
            yield
            running.cancel()

    async def until(self, wanted: Callable[[PullState | None], bool], clip_id: str | None = None) -> PullState | None:
        """The pull's state, as soon as it is as wanted."""
        async with asyncio.timeout(60):
            while not wanted(state := self.queue.state(clip_id or self.clip_id)):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return state

    async def drip(self, wanted: Callable[[PullState], bool]) -> PullState:
        """Let message after message of the clip pass until the pull's state is as wanted."""

        def is_so(state: PullState | None) -> bool:
            if state is not None and wanted(state):
                return True
            self.sluice.open(1)
            return False

        state = await self.until(is_so)
        assert state is not None
        return state

    def restart(self) -> None:
        """Another hub with the same files, as after a restart."""
        hub = self.hub
        puller = self.gate.puller(self.client, hub.edge.archive, PATIENT, road="tcp")
        self.queue = PullQueue(hub.database, puller, tell=hub.services.feed.tell, tell_pull=hub.services.feed.tell_pull)
        hub.services = replace(hub.services, pulls=self.queue)
        hub.api = create_api(hub.services)


@asynccontextmanager
async def pulling(folder: Path, nats_url: str, clip: bytes) -> AsyncIterator[Pulling]:
    """The hub knows the clip; neither works yet."""
    client = await nats.connect(nats_url)
    try:
        async with open_gate(folder / "gate") as gate, stage(folder) as hub:
            queue = PullQueue(hub.database, gate.puller(client, hub.edge.archive))
            made = Pulling(hub, gate, client, clip, Sluice(), queue)
            made.restart()
            await hub.enrol(AGENT_ID, [camera("in", "Main gate")])
            await hub.report(AGENT_ID, stored(clip))
            yield made
    finally:
        await client.close()


def stored(clip: bytes, clip_id: str = CLIP_ID) -> ClipStored:
    """As the agent told of it."""
    return ClipStored(
        at=BEGAN_AT,
        camera_id="in",
        clip_id=clip_id,
        motion_id=None,
        ended_at=BEGAN_AT + timedelta(seconds=CLIP_SECONDS),
        bytes=len(clip),
        sha256=hashlib.sha256(clip).hexdigest(),
        codec="h264",
        width_px=320,
        height_px=192,
    )
