"""Publishes plate reads to stream `EVT` as many agents would, at a steady rate: one process of `vigie bench ingest`.

A batch's reads are as old as its sending, so that the hub's rows tell how long they took.
"""

import argparse
import asyncio
import time

import nats
from nats.aio.msg import Msg

from tests.benchmarks._traffic import batches_of, plate_reads
from vigie_shared.batches import encode

AGENTS = 50
READS_PER_AGENT = 2560


def payloads(size: int, schema: int, count: int) -> list[tuple[str, bytes]]:
    """Batches of many agents in turn, each agent's in order."""
    lanes = []
    for number in range(AGENTS):
        agent_id = f"agent-{number:02d}"
        reads = plate_reads(max(size, count // AGENTS // size * size), seed=number)
        lanes.append(
            [
                (agent_id, encode(batch))
                for batch in batches_of(reads, size, agent_id=agent_id, schema=schema, first_seq=1)
            ]
        )
    return [batch for turn in zip(*lanes, strict=True) for batch in turn]


async def send(url: str, made: list[tuple[str, bytes]], size: int, rate: float) -> list[tuple[float, int]]:
    """When so many events were in the stream, as nats-server says; keeps to `rate` events a second where it can."""
    client = await nats.connect(url, pending_size=-1)
    acked: list[tuple[float, int]] = []
    done = asyncio.Event()

    async def on_ack(_message: Msg) -> None:
        acked.append((time.time(), (len(acked) + 1) * size))
        if len(acked) == len(made):
            done.set()

    await client.subscribe("acks.*", cb=on_ack)
    began = time.monotonic()
    for number, (agent_id, payload) in enumerate(made):
        await client.publish(f"e.{agent_id}.lpr", payload, reply="acks.1")
        behind = began + (number + 1) * size / rate - time.monotonic()
        if number - len(acked) > 1000 or behind > 0.002:
            await client.flush()
            await asyncio.sleep(max(0.0, behind))
    async with asyncio.timeout(60):
        await done.wait()
    await client.close()
    return acked


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--schema", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    arguments = parser.parse_args()
    made = payloads(arguments.size, arguments.schema, arguments.events)
    print("ready", flush=True)
    input()
    for at, count in asyncio.run(send(arguments.url, made, arguments.size, arguments.rate)):
        print(f"{at:.4f} {count}")


if __name__ == "__main__":
    main()
