"""What a narrow link does to hits, requests and a backlog, with the link budget and, beside it, without.

Agent and hub are processes of their own with TLS between them, through a relay in user space that is as narrow as said
(`tests/servers/relay.py`). The baseline leaves everything to TCP and SCTP, as it was before there was a budget.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Final

import nkeys
import structlog

from tests.benchmarks._link_hub import HubEnd, hub_end, pull
from tests.benchmarks._link_idle import megabytes_a_month
from tests.benchmarks.wire import bytes_per_read
from tests.servers.relay import Relay, Way
from tests.servers.tls_server import running_tls_server
from vigie_agent.keys import AgentKey
from vigie_shared.bench import Measurement

SUMMARY = "hits, requests and backlogs over narrow links, with and without the link budget"

REPOSITORY = Path(__file__).parents[2]
DAY_EVENTS: Final = 345_600
DELAY_SECONDS: Final = 0.04
QUEUE_BYTES: Final = 128 * 1024
"""What a mobile modem queues before it loses something."""
CAP_WINDOW_SECONDS: Final = 10.0
BYTES_PER_KBIT: Final = 125


@dataclass(frozen=True)
class Scene:
    """What is tried."""

    rate_kbps: float
    backlog: int
    with_pull: bool
    with_hits: bool
    with_requests: bool


HITS: Final = Scene(256, 20_000, with_pull=True, with_hits=True, with_requests=False)
DRAIN: Final = Scene(64, 11_520, with_pull=False, with_hits=False, with_requests=True)


@dataclass(frozen=True)
class Seen:
    """What came of it."""

    hit_seconds: list[float]
    answer_seconds: list[float]
    cap_excess: float
    events_per_second: float
    up_bytes: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="length of each of the four runs")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    seconds = 12.0 if arguments.quick else arguments.seconds
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    for size in (8, 32):
        wire, plain = bytes_per_read(size), bytes_per_read(size, schema=1)
        yield _measured(f"batch{size}", "bytes_per_read", "B", wire.up, plain.up)
    yield _measured("nothing to tell", "idle_mb_per_month", "MB", *megabytes_a_month())
    ours, theirs = (try_out(HITS, seconds, budget=budget) for budget in (True, False))
    case = f"{HITS.rate_kbps:g} kbit/s, 10 GB queued"
    yield _measured(case, "hit_p95_seconds", "s", p95(ours.hit_seconds), p95(theirs.hit_seconds))
    yield _measured(case, "cap_excess_ratio", "", ours.cap_excess, theirs.cap_excess)
    ours, theirs = (try_out(DRAIN, seconds, budget=budget) for budget in (True, False))
    case = f"{DRAIN.rate_kbps:g} kbit/s, draining"
    yield _measured(case, "request_p95_seconds", "s", p95(ours.answer_seconds), p95(theirs.answer_seconds))
    yield _measured(case, "cap_excess_ratio", "", ours.cap_excess, theirs.cap_excess)
    minutes = [DAY_EVENTS / max(seen.events_per_second, 1e-9) / 60 for seen in (ours, theirs)]
    yield _measured(case, "day_drain_minutes", "min", minutes[0], minutes[1])


def p95(values: list[float]) -> float:
    """The 95th percentile; of fewer than two the largest, of none infinity."""
    if len(values) < 2:
        return max(values, default=float("inf"))
    return quantiles(values, n=100, method="inclusive")[94]


def _measured(case: str, metric: str, unit: str, value: float, baseline: float) -> Measurement:
    return Measurement(case=case, metric=metric, value=value, unit=unit, baseline=baseline)


def try_out(scene: Scene, seconds: float, *, budget: bool) -> Seen:
    """One run, in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with running_tls_server(folder) as (server, certificates):
            return asyncio.run(_run(scene, seconds, budget, server.port, certificates.authority, folder))


async def _run(scene: Scene, seconds: float, budget: bool, port: int, authority: Path, folder: Path) -> Seen:
    key = AgentKey(nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_SERVER).decode())
    rate = scene.rate_kbps * BYTES_PER_KBIT
    relay = Relay(Way(rate, DELAY_SECONDS, QUEUE_BYTES), Way(rate, DELAY_SECONDS, QUEUE_BYTES))
    async with relay.running(port), relay.datagrams(), hub_end(port, authority, key) as hub:
        with AgentProcess(scene, budget, relay.port, authority, key.public_key, folder) as agent:
            await asyncio.to_thread(agent.ready.wait)
            began = asyncio.get_running_loop().time()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(hub.take_in())]
                if scene.with_pull:
                    running.append(tasks.create_task(pull(hub, relay, folder)))
                if scene.with_requests:
                    await _connected(hub)
                    running.append(tasks.create_task(hub.ask()))
                await asyncio.sleep(seconds)
                for task in running:
                    task.cancel()
            return _seen(hub, relay, agent, rate, began)


async def _connected(hub: HubEnd) -> None:
    """Once events come in, the agent listens too."""
    async with asyncio.timeout(60):
        while not hub.arrivals:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def _seen(hub: HubEnd, relay: Relay, agent: "AgentProcess", rate: float, began: float) -> Seen:
    now = time.monotonic()
    waits = [hub.hits.get(hit_id, now) - at for hit_id, at in agent.hits.items()]
    known = [wait for hit_id, wait in zip(agent.hits, waits, strict=True) if hit_id in hub.hits or wait > 2]
    first = hub.arrivals[0][0] if hub.arrivals else now
    drained = sum(count for at, count in hub.arrivals if at > first)
    last = hub.arrivals[-1][0] if hub.arrivals else now
    return Seen(
        hit_seconds=known,
        answer_seconds=hub.answered,
        cap_excess=relay.up.worst_excess(rate, CAP_WINDOW_SECONDS),
        events_per_second=drained / max(last - first, 1e-9),
        up_bytes=relay.up.total(began),
    )


class AgentProcess:
    """An agent as a process; its hits are noted as it records them."""

    def __init__(self, scene: Scene, budget: bool, port: int, authority: Path, hub_key: str, folder: Path) -> None:
        self.ready = threading.Event()
        self.hits: dict[str, float] = {}
        self._command = [
            *(sys.executable, "-m", "tests.benchmarks._link_agent", "--url", f"tls://127.0.0.1:{port}"),
            *("--authority", str(authority), "--hub-key", hub_key, "--folder", str(folder)),
            *("--rate-kbps", str(scene.rate_kbps), "--backlog", str(scene.backlog)),
            *(["--hits"] if scene.with_hits else []),
            *(["--budget"] if budget else []),
        ]
        self._reading = threading.Thread(target=self._read, name="agent's lines")

    def __enter__(self) -> "AgentProcess":
        self._process = subprocess.Popen(self._command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        self._reading.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready"):
                self.ready.set()
            elif line.startswith("hit"):
                _word, hit_id, at = line.split()
                self.hits[hit_id] = float(at)
        self.ready.set()
