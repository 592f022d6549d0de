"""Bytes on the wire per plate read: a TLS connection to a real nats-server, one batch at a time, counted by the kernel.

Up is what the agent sends, acknowledgements of TCP included; beside it the same reads as the first release sent them,
in JSON. A batch of one is the worst case, and what a quiet camera sends.
"""

import argparse
import asyncio
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import nats
from nats.aio.msg import Msg

from tests.benchmarks._metered import HEADER_BYTES, Count, MeteredRelay
from tests.benchmarks._traffic import AGENT, batches_of, plate_reads
from tests.servers.tls_server import running_tls_server
from vigie_shared import subjects
from vigie_shared.batches import encode
from vigie_shared.bench import Measurement

SUMMARY = "bytes on the wire per plate read, with TLS, NATS, TCP and IP"
SIZES: Final = (1, 8, 32, 64)
READS: Final = 1280
RECORD_BYTES: Final = 22
"""Of a TLS 1.3 record: header, type, tag."""


@dataclass(frozen=True)
class Wire:
    """Bytes per plate read, by what they are for."""

    batch_size: int
    payload: float
    protocol: float
    tls: float
    tcp_ip: float
    up: float
    down: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="reads in a batch")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    reads = READS // 8 if arguments.quick else READS
    for size in arguments.sizes:
        ours, theirs = bytes_per_read(size, reads=reads), bytes_per_read(size, schema=1, reads=reads)
        yield from measurements(ours, theirs)


def measurements(ours: Wire, theirs: Wire) -> Iterator[Measurement]:
    """The figure, and what it is made of."""
    case = f"batch{ours.batch_size}"
    yield Measurement(case=case, metric="bytes_per_read", value=ours.up, unit="B", baseline=theirs.up)
    for part in ("payload", "protocol", "tls", "tcp_ip", "down"):
        value, baseline = getattr(ours, part), getattr(theirs, part)
        yield Measurement(case=case, metric=f"{part}_bytes_per_read", value=value, unit="B", baseline=baseline)


def bytes_per_read(batch_size: int, *, schema: int = 2, reads: int = READS) -> Wire:
    """Send plate reads in batches of `batch_size` to a nats-server of its own, and count."""
    payloads = [encode(batch) for batch in batches_of(plate_reads(reads), batch_size, schema=schema)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_tls_server(folder) as (server, certificates):
            count, protocol = asyncio.run(_send(payloads, server.port, certificates.client_context()))
    payload_bytes = sum(map(len, payloads))
    return Wire(
        batch_size,
        payload=payload_bytes / reads,
        protocol=protocol / reads,
        tls=(count.up_bytes - payload_bytes - protocol) / reads,
        tcp_ip=HEADER_BYTES * count.up_segments / reads,
        up=count.up_wire_bytes / reads,
        down=count.down_wire_bytes / reads,
    )


async def _send(payloads: list[bytes], port: int, context: ssl.SSLContext) -> tuple[Count, int]:
    """What crossed while `payloads` went out, each confirmed before the next; and what of it NATS's own lines were."""
    relay = MeteredRelay()
    async with relay.running(port):
        client = await nats.connect(
            f"tls://127.0.0.1:{relay.port}",
            tls=context,
            tls_handshake_first=True,
            inbox_prefix=subjects.inbox_prefix(AGENT),
            ping_interval=3600,
        )
        try:
            await client.jetstream().add_stream(name="EVT", subjects=["e.>"])
            confirmed: asyncio.Queue[bytes] = asyncio.Queue()

            async def on_ack(message: Msg) -> None:
                await confirmed.put(message.data)

            await client.subscribe(f"{subjects.inbox_prefix(AGENT)}.p.*", cb=on_ack)
            await client.flush()
            subject, protocol = subjects.events(AGENT, "lpr"), 0
            before = relay.count()
            for number, payload in enumerate(payloads, 1):
                reply = f"{subjects.inbox_prefix(AGENT)}.p.{number}"
                protocol += len(f"PUB {subject} {reply} {len(payload)}\r\n\r\n")
                await client.publish(subject, payload, reply=reply)
                assert b'"seq"' in await confirmed.get()
            return relay.count().since(before), protocol
        finally:
            await client.close()
