"""Clips pulled over WebRTC on loopback, hub and agent each in a process of its own; the baseline asks for four times as
much ahead (`PullLimits.window_bytes`).
"""

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nats
import structlog

from tests.hub.video.agents import AGENT_ID, CLIP_ID, film
from tests.servers.nats_server import NatsServer, running_nats_server
from vigie_hub.archive.files import Archive
from vigie_hub.video.puller import Puller, PullLimits
from vigie_hub.video.transfer import WINDOW_BYTES
from vigie_shared.bench import Measurement

SUMMARY = "goodput and processor time of a pull over WebRTC on loopback"

REPOSITORY = Path(__file__).parents[2]
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Pulled:
    """What one pull cost."""

    mbit_per_s: float
    hub_cpu_s_per_100mb: float
    agent_cpu_s_per_100mb: float


UNITS = {"mbit_per_s": "Mbit/s", "hub_cpu_s_per_100mb": "s", "agent_cpu_s_per_100mb": "s"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--megabytes", type=int, default=20, metavar="N", help="size of the clip")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="pulls of each kind")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    clip = film((1 if arguments.quick else arguments.megabytes) * 1_000_000)
    rounds = 1 if arguments.quick else arguments.rounds
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    with (
        tempfile.TemporaryDirectory() as folder,
        running_nats_server(Path(folder) / "nats") as server,
        agent_process(server, len(clip)) as agent,
    ):
        ours, theirs = asyncio.run(_alternate(server.url, agent.pid, Path(folder), clip, rounds))
    for metric, unit in UNITS.items():
        value, baseline = (median(getattr(pulled, metric) for pulled in side) for side in (ours, theirs))
        case = f"{len(clip) // 1_000_000} MB, {WINDOW_BYTES // 1024} KiB ahead"
        yield Measurement(case=case, metric=metric, value=value, unit=unit, baseline=baseline)


@contextmanager
def agent_process(server: NatsServer, clip_bytes: int) -> Iterator[subprocess.Popen[str]]:
    """An agent that holds one clip, once it takes offers."""
    command = [sys.executable, "-m", "tests.hub.video.agents", server.url, str(clip_bytes)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


async def _alternate(
    url: str, agent_pid: int, folder: Path, clip: bytes, rounds: int
) -> tuple[list[Pulled], list[Pulled]]:
    connection = await nats.connect(url)
    ours, theirs = PullLimits(), PullLimits(window_bytes=4 * WINDOW_BYTES)
    sides: tuple[list[Pulled], list[Pulled]] = ([], [])
    for number in range(rounds):
        for side, limits in zip(sides, (ours, theirs), strict=True):
            archive = Archive(folder / f"{number}-{limits.window_bytes}")
            side.append(await _pull(Puller(connection, archive, limits=limits), clip, agent_pid))
    await connection.close()
    return sides


async def _pull(puller: Puller, clip: bytes, agent_pid: int) -> Pulled:
    sha256 = hashlib.sha256(clip).hexdigest()
    agent, hub, began = cpu_seconds(agent_pid), time.process_time(), time.perf_counter()
    await puller.pull(AGENT_ID, CLIP_ID, len(clip), sha256)
    seconds, per_100mb = time.perf_counter() - began, 1e8 / len(clip)
    return Pulled(
        mbit_per_s=len(clip) * 8e-6 / seconds,
        hub_cpu_s_per_100mb=(time.process_time() - hub) * per_100mb,
        agent_cpu_s_per_100mb=(cpu_seconds(agent_pid) - agent) * per_100mb,
    )


def cpu_seconds(pid: int) -> float:
    """Processor time that the process has used, user and system (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
