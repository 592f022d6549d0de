"""The hub's ingest as a process of its own, stream to read model: for `vigie bench ingest`."""

import argparse
import asyncio
import sys
import time
from pathlib import Path

import nats
import nkeys
import structlog

from tests.benchmarks._ingest_sender import AGENTS
from tests.hub.agents import new_key
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.keys import KeyPair
from vigie_hub.settings import NatsSettings
from vigie_hub.sync.consumer import Consumer
from vigie_hub.sync.reads import index_some
from vigie_hub.sync.receipts import Receipts
from vigie_shared.clock import SystemClock


async def take_in(url: str, folder: Path, wanted: int, signer: KeyPair) -> None:
    """Read until `wanted` events are rows; tells when how many were, and the CPU time of it all."""
    clock = SystemClock()
    client = await nats.connect(url)
    finished = asyncio.Event()
    async with Database(folder / "hub.db") as database:
        for number in range(AGENTS):
            key = new_key().public_key
            await database.write(lambda c, n=number, k=key: enrol(c, f"agent-{n:02d}", k, clock.now(), "bench"))  # type: ignore[misc]
        rows: list[tuple[float, int]] = []

        def tell(_topic: str) -> None:
            found = database.read_now(lambda c: c.execute("SELECT coalesce(sum(seq), 0) FROM watermarks").fetchone()[0])
            rows.append((time.time(), found))
            if found >= wanted:
                finished.set()

        receipts = Receipts(client, database, signer, clock)
        consumer = Consumer(client, database, receipts, clock, NatsSettings(url=url), tell=tell)
        print("ready", flush=True)
        await asyncio.to_thread(input)
        began = time.process_time()
        running = asyncio.create_task(consumer.run())
        await finished.wait()
        while await database.write(index_some):
            pass
        spent = time.process_time() - began
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        reads = await database.read(lambda c: c.execute("SELECT count(*) FROM plate_reads").fetchone()[0])
        assert reads == wanted, f"{reads} of {wanted} reads are rows"
    await client.close()
    print(f"cpu {spent:.4f}")
    for at, count in rows:
        print(f"{at:.4f} {count}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--events", type=int, required=True)
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(take_in(arguments.url, arguments.folder, arguments.events, new_key(nkeys.PREFIX_BYTE_SERVER)))


if __name__ == "__main__":
    main()
