"""Clips pulled on loopback, hub and agent each in a process of its own, over both roads.

Over TCP (TLS) beside `curl`, which fetches the same bytes from `openssl s_server` into a file and verifies nothing; the
pull hashes each block, syncs and hashes the whole again. Over the data channel beside TCP.
"""

import argparse
import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import nats
import structlog

from tests.hub.video.agents import AGENT_ID, CLIP_ID, film
from tests.hub.video.tcp import Gate, open_gate
from tests.servers.nats_server import running_nats_server
from tests.servers.ports import free_port
from vigie_hub.archive.files import Archive
from vigie_hub.bus.certificates import Certificates
from vigie_hub.settings import TlsSettings
from vigie_hub.video.pull.puller import Puller
from vigie_hub.video.pull.roads import Road
from vigie_shared.bench import Measurement
from vigie_shared.clock import SystemClock

SUMMARY = "goodput and processor time of a pull on loopback, by TCP and by data channel"

REPOSITORY = Path(__file__).parents[2]
TCP_BYTES = 100_000_000
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_ROUNDS_TIMEOUT_SECONDS = 120


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
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    rounds = 1 if arguments.quick else arguments.rounds
    yield from by_both_roads((1 if arguments.quick else arguments.megabytes) * 1_000_000, rounds)
    yield from tcp_road_ratio(2_000_000 if arguments.quick else TCP_BYTES, rounds)


def by_both_roads(clip_bytes: int, rounds: int) -> Iterator[Measurement]:
    """What the data channel does, and what it costs; the baseline is TCP."""
    with tempfile.TemporaryDirectory() as folder:
        channel, tcp = asyncio.run(_alternate(Path(folder), clip_bytes, rounds, ("channel", "tcp")))
    for metric, unit in UNITS.items():
        value, baseline = (median(getattr(pulled, metric) for pulled in side) for side in (channel, tcp))
        yield Measurement(
            case=f"data channel, {clip_bytes // 1_000_000} MB", metric=metric, value=value, unit=unit, baseline=baseline
        )


def tcp_road_ratio(clip_bytes: int = TCP_BYTES, rounds: int = 5) -> Iterator[Measurement]:
    """The TCP road beside `curl`, in turns; nothing where there is no curl or openssl."""
    if shutil.which("curl") is None or shutil.which("openssl") is None:
        return
    with tempfile.TemporaryDirectory() as folder, curled(Path(folder), clip_bytes) as fetch:
        curl: list[float] = []
        (tcp,) = asyncio.run(_alternate(Path(folder), clip_bytes, rounds, ("tcp",), lambda: curl.append(fetch())))
    case, rate, baseline = (
        f"TLS on loopback, {clip_bytes // 1_000_000} MB",
        median(one.mbit_per_s for one in tcp),
        median(curl),
    )
    yield Measurement(case=case, metric="tcp_road_mbit_per_s", value=rate, unit="Mbit/s", baseline=baseline)
    yield Measurement(case=case, metric="tcp_road_ratio", value=rate / baseline, unit="of curl", baseline=1.0)


@contextmanager
def curled(folder: Path, clip_bytes: int) -> Iterator[Callable[[], float]]:
    """Fetches the clip with curl, over TLS with the hub's own kind of certificate; returns Mbit/s."""
    certificates = Certificates(folder / "curl", TlsSettings(), ["127.0.0.1"])
    certificates.ensure(SystemClock().now())
    (folder / "film").write_bytes(film(clip_bytes))
    port = free_port()
    serve = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-WWW", "-quiet"]
    serve += ["-cert", str(certificates.certificate), "-key", str(certificates.key)]
    get = ["curl", "--silent", "--fail", "--cacert", str(certificates.authority), "--retry", "9", "--retry-connrefused"]
    get += ["--output", str(folder / "fetched"), "--write-out", "%{speed_download}", f"https://127.0.0.1:{port}/film"]

    def fetch() -> float:
        done = subprocess.run(get, capture_output=True, text=True, check=True, timeout=_ROUNDS_TIMEOUT_SECONDS)
        assert (folder / "fetched").stat().st_size == clip_bytes
        return float(done.stdout) * 8e-6

    with subprocess.Popen(serve, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            yield fetch
        finally:
            server.kill()


@contextmanager
def agent_process(nats_url: str, clip_bytes: int, gate: Gate, authority: Path) -> Iterator[subprocess.Popen[str]]:
    """An agent that holds one clip, once it takes offers."""
    arguments = [nats_url, str(clip_bytes), str(gate.folder), gate.url, str(authority)]
    command = [sys.executable, "-m", "tests.hub.video.tcp", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


async def _alternate(
    folder: Path, clip_bytes: int, rounds: int, roads: Sequence[Road], between: Callable[[], object] = lambda: None
) -> list[list[Pulled]]:
    """Pulls by each road in turn, `between` after each round."""
    clip = film(clip_bytes)
    sides: list[list[Pulled]] = [[] for _road in roads]
    with running_nats_server(folder / "nats") as server:
        connection = await nats.connect(server.url)
        async with open_gate(folder / "gate") as gate:
            with agent_process(server.url, clip_bytes, gate, folder / "gate" / "tls" / "authority.pem") as agent:
                for number in range(rounds):
                    for road, side in zip(roads, sides, strict=True):
                        archive = Archive(folder / f"{number}-{road}")
                        side.append(await _pull(gate.puller(connection, archive, road=road), clip, agent.pid))
                        shutil.rmtree(folder / f"{number}-{road}")
                    await asyncio.to_thread(between)
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
