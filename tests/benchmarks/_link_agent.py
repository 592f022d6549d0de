"""An agent behind a narrow link, in a process of its own: a real store with a backlog, one clip of 10 GB that is asked
for, and hits now and then.

It prints `ready` when the backlog is stored, and a line `hit ID SECONDS` with the monotonic time of each hit.
"""

import argparse
import asyncio
import contextlib
import hashlib
import logging
import random
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nats
import structlog

from tests.benchmarks._traffic import plate_reads
from tests.hits import plate_hit
from vigie_agent.keys import HubKey
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.commands import CommandDesk
from vigie_agent.uplink.heartbeat import HeartbeatSender
from vigie_agent.uplink.link_settings import LinkSettings
from vigie_agent.uplink.outbox import Outbox
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.settings import UplinkSettings
from vigie_agent.video.answerer import Answerer
from vigie_shared import subjects
from vigie_shared.clock import SystemClock
from vigie_shared.events import PlateHit, PlateRead
from vigie_shared.heartbeats import Heartbeat
from vigie_shared.transfer import Manifest, block_bytes_for

AGENT_ID: Final = "rabat-07"
CLIP_ID: Final = "0123456789abcdef012345"
CLIP_BYTES: Final = 10_000_000_000
CLIP_SHA256: Final = "1a0a850851f333647936c0a1b4576e7ab90398b9e1ae2faf4bb66ca6b72cf724"
"""Of so many zeros: `head -c 10000000000 /dev/zero | sha256sum`."""
WRITES_WAITING_MAX: Final = 2_000
HITS_MAX: Final = 500
HITS_APART_SECONDS: Final = (0.7, 2.3)


class SparseClip:
    """A clip of 10 GB that takes no room: a file with nothing in it, read as any other."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "clip"
        with self._path.open("wb") as file:
            file.truncate(CLIP_BYTES)

    def manifest(self, clip_id: str) -> Manifest | None:
        """What it is. Every block is the same, but the last."""
        size = block_bytes_for(CLIP_BYTES)
        block, last = hashlib.sha256(bytes(size)).hexdigest(), hashlib.sha256(bytes(CLIP_BYTES % size)).hexdigest()
        blocks = (block,) * (CLIP_BYTES // size) + ((last,) if CLIP_BYTES % size else ())
        return Manifest(clip_id=clip_id, bytes=CLIP_BYTES, sha256=CLIP_SHA256, block_bytes=size, block_sha256=blocks)

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Its bytes."""
        with self._path.open("rb") as file:
            file.seek(offset)
            yield file.read(length)


def hit(read: PlateRead) -> PlateHit:
    return plate_hit(read, list_id="stolen", list_version=7, list_age_seconds=12.0)


def fill(store: Store, count: int) -> None:
    """A backlog, as fast as the disk takes it."""
    for stored, read in enumerate(plate_reads(count)):
        store.record(read)
        while stored % 500 == 0 and stored - store.newest()["lpr"] > WRITES_WAITING_MAX:
            time.sleep(0.01)
    while store.newest()["lpr"] < count:
        time.sleep(0.01)


async def hits(store: Store, reads: list[PlateRead], asked: asyncio.Event) -> None:
    """Now and then, once the link is up."""
    await asked.wait()
    rng = random.Random(5)
    for read in reads:
        await asyncio.sleep(rng.uniform(*HITS_APART_SECONDS))
        found = hit(read)
        print(f"hit {found.hit_id} {time.monotonic()}", flush=True)
        store.record(found)


async def serve(options: argparse.Namespace, store: Store, budget: LinkBudget) -> None:
    """All that leaves a box, over one connection."""
    tls = await asyncio.to_thread(ssl.create_default_context, cafile=options.authority)
    client = await nats.connect(
        options.url, tls=tls, tls_handshake_first=True, inbox_prefix=subjects.inbox_prefix(AGENT_ID), ping_interval=60
    )
    clock = SystemClock()
    limits = UplinkSettings() if options.budget else UplinkSettings(flights_max=4, batch_events_max=64)
    outbox, asked = Outbox(limits.flights_max), asyncio.Event()
    desk = ReceiptDesk(store, AGENT_ID, HubKey(options.hub_key), outbox, ask_seconds=5, budget=budget)
    publisher = Publisher(store, AGENT_ID, outbox, limits, clock, budget)
    desk.on_receipt = publisher.wake
    counts = store.counts()

    def beat() -> Heartbeat:
        return Heartbeat(
            agent_id=AGENT_ID,
            epoch=store.epoch,
            version="0.1.0",
            at=clock.now(),
            interval_seconds=60,
            newest=store.newest(),
            clips_kept=counts.clips,
            clips_bytes=counts.clips_bytes,
        )

    async def publish() -> None:
        await asked.wait()
        await publisher.run(client)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(desk.run(client, asked))
        tasks.create_task(publish())
        tasks.create_task(HeartbeatSender(beat, budget).run(client))
        tasks.create_task(CommandDesk(AGENT_ID, store, budget).run(client))
        tasks.create_task(Answerer(client, AGENT_ID, SparseClip(options.folder), budget=budget).run())
        if options.hits:
            tasks.create_task(hits(store, plate_reads(HITS_MAX, seed=9), asked))


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("url", "authority", "hub-key"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate-kbps", type=float, required=True)
    parser.add_argument("--backlog", type=int, default=0)
    parser.add_argument("--hits", action="store_true")
    parser.add_argument("--budget", action="store_true")
    options = parser.parse_args()
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
    )
    store = Store(options.folder / "data", AGENT_ID, keep_bytes_max=10**9, clock=SystemClock())
    fill(store, options.backlog)
    link = LinkSettings(kind="lte", rate_kbps=options.rate_kbps)
    budget = LinkBudget(link) if options.budget else LinkBudget.unlimited()
    print("ready", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(options, store, budget))


if __name__ == "__main__":
    main()
