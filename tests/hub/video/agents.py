"""Agents for the hub to pull from: honest, lying and stalled ones, in this process or in one of their own."""

import asyncio
import hashlib
import random
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.answerer import Answerer, AnswererSettings
from vigie_agent.video.clips.library import ClipSource
from vigie_shared.transfer import Manifest, block_digests

AGENT_ID = "gate"
CLIP_ID = "0123456789abcdef012345"


def film(clip_bytes: int) -> bytes:
    """The same bytes in every process."""
    return random.Random(7).randbytes(clip_bytes)


FILM = film(3_000_000)
CLIP = FILM[:1_400_000]
SHA256 = hashlib.sha256(CLIP).hexdigest()


class Clips:
    """Clips in memory; a subclass lies about them."""

    def __init__(self, clip: bytes = CLIP) -> None:
        self.clip = clip

    def manifest(self, clip_id: str) -> Manifest | None:
        if clip_id != CLIP_ID:
            return None
        sha256, blocks = block_digests([self.clip])
        return Manifest(clip_id=clip_id, bytes=len(self.clip), sha256=sha256, block_sha256=blocks)

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        for start in range(offset, offset + length, 50_000):
            yield self.clip[start : min(start + 50_000, offset + length)]


@asynccontextmanager
async def answering(
    connection: Client,
    clips: ClipSource,
    settings: AnswererSettings | None = None,
    budget: LinkBudget | None = None,
) -> AsyncIterator[Answerer]:
    """An agent that takes offers."""
    answerer = Answerer(connection, AGENT_ID, clips, settings, budget=budget)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(answerer.run())
        await answerer.ready.wait()
        yield answerer
        running.cancel()


async def is_idle(answerer: Answerer) -> None:
    """Return as soon as all sessions are over; TimeoutError where one stays."""
    async with asyncio.timeout(10):
        while answerer.session_count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _main(url: str, clip_bytes: int) -> None:
    connection = await nats.connect(url)
    async with answering(connection, Clips(film(clip_bytes))):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2])))
