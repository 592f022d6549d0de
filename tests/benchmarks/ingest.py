"""How fast the hub takes events in: validated, durable, indexed, receipted. Beside it the same in JSON, version 1.

Sender, nats-server and hub are processes of their own on the same processors. First the hub drains a full stream
(events per second of its CPU time), then a sender goes as fast as it can (events a second end to end), then it keeps to
a rate (how long an event takes to be a row).
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

import nats

from tests.benchmarks._ingest_sender import AGENTS, READS_PER_AGENT
from tests.servers.nats_server import NatsServer
from vigie_hub.settings import NatsSettings
from vigie_hub.sync.stream import stream_config
from vigie_shared.bench import Measurement

SUMMARY = "plate reads that the hub stores in a second of CPU time, and end to end"
REPOSITORY: Final = Path(__file__).parents[2]
SIZE: Final = 32
FULL_RATE: Final = 1e6


@dataclass(frozen=True)
class Ingest:
    """What came of one schema."""

    events_per_cpu_second: float
    end_to_end_events_per_second: float
    row_p95_ms: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rate", type=float, default=20_000, metavar="N", help="events a second while rows are timed")
    parser.add_argument("--size", type=int, default=SIZE, metavar="N", help="events in a batch")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    events = AGENTS * (arguments.size if arguments.quick else READS_PER_AGENT // arguments.size * arguments.size)
    ours, theirs = (measure(schema, arguments.size, events, arguments.rate) for schema in (2, 1))
    case = f"batch{arguments.size}"
    for metric, unit in (
        ("events_per_cpu_second", "1/s"),
        ("end_to_end_events_per_second", "1/s"),
        ("row_p95_ms", "ms"),
    ):
        value, baseline = getattr(ours, metric), getattr(theirs, metric)
        yield Measurement(case=case, metric=metric, value=value, unit=unit, baseline=baseline)


def measure(schema: int, size: int, events: int, rate: float) -> Ingest:
    """Three runs, each with a server and a database of its own."""
    cpu_seconds, _sent, _rows = _ingest(schema, size, events, FULL_RATE, at_once=False)
    _cpu, sent, rows = _ingest(schema, size, events, FULL_RATE, at_once=True)
    wall_seconds = rows[-1][0] - sent[0][0]
    _cpu, sent, rows = _ingest(schema, size, events, rate, at_once=True)
    counts = [count for _at, count in rows]
    waits = [(rows[bisect_left(counts, count)][0] - at) * 1000 for at, count in sent]
    return Ingest(
        events_per_cpu_second=events / cpu_seconds,
        end_to_end_events_per_second=events / wall_seconds,
        row_p95_ms=quantiles(waits, n=100, method="inclusive")[94],
    )


Times = list[tuple[float, int]]


def _ingest(schema: int, size: int, events: int, rate: float, *, at_once: bool) -> tuple[float, Times, Times]:
    """The hub's CPU seconds; when so many events were in the stream; when so many were rows."""
    with tempfile.TemporaryDirectory() as name, NatsServer(Path(name) / "nats") as server:
        asyncio.run(_make_stream(server.url))
        hub = _start("_ingest_hub", "--url", server.url, "--folder", name, "--events", str(events))
        options = ("--size", str(size), "--schema", str(schema), "--events", str(events), "--rate", str(rate))
        sender = _start("_ingest_sender", "--url", server.url, *options)
        if at_once:
            _go(hub)
        _go(sender)
        sent = _times(sender)
        if not at_once:
            _go(hub)
        first, *lines = _lines(hub)
        return float(first.split()[1]), sent, [_time(line) for line in lines]


async def _make_stream(url: str) -> None:
    client = await nats.connect(url)
    await client.jetstream().add_stream(stream_config(NatsSettings(url=url)))
    await client.close()


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line == "ready\n":
            return process
    raise RuntimeError(f"{module} did not start")


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _lines(process: subprocess.Popen[str]) -> list[str]:
    out, _err = process.communicate(timeout=300)
    if process.returncode:
        raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
    return out.splitlines()


def _times(process: subprocess.Popen[str]) -> Times:
    return [_time(line) for line in _lines(process)]


def _time(line: str) -> tuple[float, int]:
    at, count = line.split()
    return float(at), int(count)
