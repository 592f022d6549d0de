"""A whole fleet against a real nats-server and a real hub: all on this machine, its agents in a few processes.

Every agent has a TLS connection, a key and a token of its own, and speaks the real protocol; what they share is said in
`_fleet_agents.py`. Phases: all connect; nobody speaks; each tells all of itself once; heartbeats without news, and then
with some each; nats-server is killed and all come back; events. Presence is nats-server and hub in all, with what they
do while nobody speaks; that alone is its baseline.
"""

import argparse
import json
import secrets
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import nkeys

from tests.benchmarks.transfer import cpu_seconds
from tests.hub.members import membership
from tests.servers.ports import free_ports
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.server import environment, find_nats_server
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_shared.bench import Measurement
from vigie_shared.clock import SystemClock

SUMMARY = "thousands of agents on one nats-server and one hub: memory, presence, return after a kill, events"
REPOSITORY: Final = Path(__file__).parents[2]
EVENTS_PER_CAMERA_SECOND: Final = 0.2
PRESENCE_INTERVAL_SECONDS: Final = 10.0
CALM_SECONDS: Final = 10.0
"""Until what connecting left behind is cleared away."""
RETURN_SECONDS: Final = 180.0
SETTLE_SECONDS: Final = 180.0
HOST: Final = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--agents", type=int, default=5000, metavar="N", help="agents, a TLS connection each")
    parser.add_argument("--cameras", type=int, default=100_000, metavar="N", help="cameras; 0.2 events a second each")
    parser.add_argument("--seconds", type=float, default=120, metavar="S", help="how long events flow")
    parser.add_argument("--presence-seconds", type=float, default=40, metavar="S", help="how long heartbeats flow")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="processes that play the agents")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    agents, cameras = (40, 800) if arguments.quick else (arguments.agents, arguments.cameras)
    seconds, presence_seconds = (6.0, 6.0) if arguments.quick else (arguments.seconds, arguments.presence_seconds)
    case = f"{agents} agents, {cameras} cameras"
    with tempfile.TemporaryDirectory(prefix="vigie-fleet-") as name, ExitStack() as stack:
        site = Site(Path(name), agents, arguments.processes)
        stack.enter_context(site.running())
        connected = site.order(do="connect")
        yield Measurement(case=case, metric="connect_seconds", value=_worst(connected, "seconds"), unit="s")

        yield from _presence(site, case, presence_seconds)
        yield Measurement(case=case, metric="server_mb", value=site.server_bytes() / 1e6, unit="MB")
        yield from _return(site, case)
        yield Measurement(case=case, metric="server_after_return_mb", value=site.server_bytes() / 1e6, unit="MB")
        yield from _traffic(site, case, seconds, cameras * EVENTS_PER_CAMERA_SECOND)


def _presence(site: "Site", case: str, seconds: float) -> Iterator[Measurement]:
    """What heartbeats cost; no events flow."""
    site.order(do="idle", seconds=min(CALM_SECONDS, seconds))
    quiet = site.cost(lambda: site.order(do="idle", seconds=seconds / 2))

    def beating(seconds: float, *, news: bool) -> Cost:
        order = {"do": "presence", "seconds": seconds, "interval_seconds": PRESENCE_INTERVAL_SECONDS, "news": news}
        return site.cost(lambda: site.order(**order))

    first = beating(PRESENCE_INTERVAL_SECONDS, news=False)
    usual, telling = beating(seconds, news=False), beating(max(seconds / 2, PRESENCE_INTERVAL_SECONDS), news=True)
    for name, cost in (("presence", usual), ("presence_first", first), ("presence_news", telling)):
        yield Measurement(
            case=case,
            metric=f"{name}_cpu_ratio",
            value=cost.server + cost.hub,
            unit="cores",
            baseline=quiet.server + quiet.hub,
        )
        for part, value, alone in (("server", cost.server, quiet.server), ("hub", cost.hub, quiet.hub)):
            yield Measurement(case=case, metric=f"{name}_{part}_cpu_ratio", value=value, unit="cores", baseline=alone)


def _return(site: "Site", case: str) -> Iterator[Measurement]:
    since = time.monotonic()
    site.kill_server()
    site.start_server()
    answers = site.order(do="returned", since=since, seconds=RETURN_SECONDS)
    back = sorted(second for answer in answers for second in answer["back_seconds"])
    away = sum(answer["away"] for answer in answers)
    if away:
        raise RuntimeError(f"{away} agents had not come back after {RETURN_SECONDS:.0f} s")
    yield Measurement(case=case, metric="reconnect_p95_seconds", value=_percentile(back, 0.95), unit="s")
    yield Measurement(case=case, metric="reconnect_last_seconds", value=back[-1], unit="s")


def _traffic(site: "Site", case: str, seconds: float, events_per_second: float) -> Iterator[Measurement]:
    share = events_per_second / len(site.players)
    answers: list[dict[str, Any]] = []
    cost = site.cost(lambda: answers.extend(site.order(do="traffic", seconds=seconds, events_per_second=share)))
    settled = site.order(do="settle", seconds=SETTLE_SECONDS)
    made, stored = sum(answer["made"] for answer in answers), site.stored()
    if made != stored or any(answer["behind"] for answer in settled):
        raise RuntimeError(f"{made} events were made, {stored} are stored")
    delays = sorted(delay for answer in settled for delay in answer["delays_ms"])
    if not delays:
        raise RuntimeError("no agent had an event to tell: more cameras, please, or more seconds")
    yield Measurement(
        case=case, metric="events_per_second", value=made / seconds, unit="1/s", baseline=events_per_second
    )
    yield Measurement(case=case, metric="row_p95_ms", value=_percentile(delays, 0.95), unit="ms")
    yield Measurement(case=case, metric="server_cpu_ratio", value=cost.server, unit="cores")
    yield Measurement(case=case, metric="hub_cpu_ratio", value=cost.hub, unit="cores")
    yield Measurement(case=case, metric="agents_cpu_ratio", value=cost.players, unit="cores")
    yield Measurement(case=case, metric="agents_late_seconds", value=_worst(answers, "late_seconds"), unit="s")
    yield Measurement(case=case, metric="lost", value=made - stored, unit="count")


class Cost:
    """Processor-seconds a second, of each part."""

    def __init__(self, server: float, hub: float, players: float) -> None:
        self.server = server
        self.hub = hub
        self.players = players


class Site:
    """nats-server, hub, and the processes that play the agents."""

    def __init__(self, folder: Path, agents: int, processes: int) -> None:
        self._folder = folder
        nats_port, api_port = free_ports(2)
        (folder / "hub.toml").write_text(
            f'data_dir = "{folder}/hub"\n[nats]\nurl = "tls://{HOST}:{nats_port}"\n'
            f"[api]\nport = {api_port}\n[fleet]\ndiscover = false\n",
            encoding="utf-8",
        )
        self._settings = HubSettings.load(folder / "hub.toml")
        self._identity = Identity.of(self._settings)
        self._write_agents(agents, processes)
        configuration = nats_configuration(self._settings, self._identity.trust, {}, self._identity.certificates)
        (folder / "nats.conf").write_text(configuration.text(), encoding="utf-8")
        self._port = nats_port
        self._processes = processes
        self._server: subprocess.Popen[bytes]
        self._hub: subprocess.Popen[bytes]
        self.players: list[subprocess.Popen[str]] = []

    def _write_agents(self, agents: int, processes: int) -> None:
        """Enrol everyone, in one transaction, as codes would one by one."""
        files = [(self._folder / f"agents-{number}.jsonl").open("w", encoding="utf-8") for number in range(processes)]
        now = SystemClock().now()
        with Database(self._settings.database_path) as database:
            rows = []
            for number in range(agents):
                agent_id = f"edge-{number:04d}"
                seed = nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER).decode()
                public_key = nkeys.from_seed(bytearray(seed.encode())).public_key.decode()
                member = membership(self._settings, self._identity, agent_id, public_key)
                entry = {"number": number, "seed": seed, "membership": member.model_dump()}
                files[number % processes].write(json.dumps(entry) + "\n")
                rows.append((agent_id, public_key))
            database.write_now(lambda connection: _enrol_all(connection, rows, now))
        for file in files:
            file.close()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start all; end all."""
        with ExitStack() as stack:
            self.start_server()
            stack.callback(self.kill_server)
            command = [sys.executable, "-m", "vigie_shared", "hub", "run", "--settings", str(self._folder / "hub.toml")]
            log = stack.enter_context((self._folder / "hub.log").open("wb"))
            self._hub = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY)
            stack.callback(_end, self._hub)
            for number in range(self._processes):
                memberships = str(self._folder / f"agents-{number}.jsonl")
                command = [sys.executable, "-m", "tests.benchmarks._fleet_agents", memberships]
                player = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
                )
                self.players.append(player)
                stack.callback(_end, player)
            self._await_hub()
            yield

    def _await_hub(self) -> None:
        """Until the hub has made its stream, or has ended."""
        while (
            b"stream_available" not in (told := (self._folder / "hub.log").read_bytes())
            and b"nats_connected" not in told
        ):
            if self._hub.poll() is not None:
                raise RuntimeError(told.decode()[-2000:])
            time.sleep(0.1)

    def start_server(self) -> None:
        """Returns when it listens."""
        self._server = subprocess.Popen(
            [str(find_nats_server()), "-c", str(self._folder / "nats.conf")],
            stderr=subprocess.DEVNULL,
            env=environment(),
        )
        while True:
            try:
                socket.create_connection((HOST, self._port), timeout=1).close()
                return
            except OSError:
                if self._server.poll() is not None:
                    raise RuntimeError("nats-server ended at its start") from None
                time.sleep(0.02)

    def kill_server(self) -> None:
        """As a power cut would."""
        self._server.kill()
        self._server.wait()

    def order(self, **order: object) -> list[dict[str, Any]]:
        """All players do the same at once; their answers."""
        for player in self.players:
            assert player.stdin is not None
            player.stdin.write(json.dumps(order) + "\n")
            player.stdin.flush()
        answers = []
        for player in self.players:
            assert player.stdout is not None
            line = player.stdout.readline()
            if not line:
                raise RuntimeError("a process that plays agents ended; its words are above")
            answers.append(json.loads(line))
        return answers

    def cost(self, work: Any) -> Cost:
        """What each part used meanwhile."""
        before, began = self._used(), time.monotonic()
        work()
        seconds = time.monotonic() - began
        return Cost(*((after - earlier) / seconds for after, earlier in zip(self._used(), before, strict=True)))

    def _used(self) -> tuple[float, float, float]:
        return (
            cpu_seconds(self._server.pid),
            cpu_seconds(self._hub.pid),
            sum(cpu_seconds(player.pid) for player in self.players),
        )

    def server_bytes(self) -> int:
        """Resident memory of nats-server."""
        status = Path(f"/proc/{self._server.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def stored(self) -> int:
        """Plate reads in the hub's read model."""
        connection = sqlite3.connect(f"file:{self._settings.database_path}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM plate_reads").fetchone()[0])
        finally:
            connection.close()


def _enrol_all(connection: sqlite3.Connection, agents: list[tuple[str, str]], now: datetime) -> None:
    for agent_id, public_key in agents:
        enrol(connection, agent_id, public_key, now, "bench")


def _end(process: "subprocess.Popen[Any]") -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def _worst(answers: Sequence[dict[str, Any]], key: str) -> float:
    return max(float(answer[key]) for answer in answers)


def _percentile(values: Sequence[float], share: float) -> float:
    """Of sorted `values`."""
    return values[min(len(values) - 1, int(share * len(values)))]
