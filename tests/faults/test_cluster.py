"""Three nats-servers, each event on all of them: their leader is killed again and again, and nothing confirmed is lost.

Two kills in the default run, twenty with `pytest -m soak tests/faults/test_cluster.py`, which prints the gaps that the
publisher saw.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Final

import nats.errors
import pytest
from nats.js.api import StreamInfo

from tests.faults.fleet import Fleet, enrolled_fleet, hub_rows, store_rows
from tests.faults.victims import Victim
from tests.hub.site import access, hub_settings
from tests.servers.nats_server import HOST, NatsServer
from tests.servers.ports import free_ports
from vigie_hub.bus.connection import Connection
from vigie_hub.identity import Identity
from vigie_shared.subjects import STREAM

SERVERS: Final = 3
ELECTION_SECONDS: Final = 90
PER_SECOND: Final = 100.0


class Acks:
    """When nats-server confirmed how much, as the publisher saw it."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.times: list[float] = []

    def hear(self, line: str) -> None:
        what, count = line.split()
        if what == "acked" and int(count) > self.counts.get(what, 0):
            self.times.append(time.monotonic())
        self.counts[what] = int(count)

    def wait(self, what: str, count: int, *, later_than: float = 0.0, seconds: float = ELECTION_SECONDS) -> None:
        """Until `count` is reached and something was confirmed later than that."""
        until = time.monotonic() + seconds
        while self.counts.get(what, 0) < count or not (self.times and self.times[-1] > later_than):
            assert time.monotonic() < until, f"{what} stands at {self.counts.get(what, 0)}, {count} was wanted"
            time.sleep(0.02)

    def longest_gap_since(self, at: float) -> float:
        """The longest time without a confirmation of something new, from `at` to the last one heard."""
        return max(later - earlier for earlier, later in pairwise([at, *(heard for heard in self.times if heard > at)]))


@contextmanager
def cluster(folder: Path, settings_text: str, accounts: str) -> Iterator[list[NatsServer]]:
    """Three servers that know each other."""
    ports = free_ports(2 * SERVERS)
    routes = [f"nats://{HOST}:{port}" for port in ports[SERVERS:]]
    servers = []
    with ExitStack() as stack:
        for number, (port, route) in enumerate(zip(ports[:SERVERS], routes, strict=True), 1):
            own = settings_text.replace(accounts, f"{folder}/accounts-{number}")
            listen = json.dumps(route.removeprefix("nats://"))
            block = f"cluster: {{ name: vigie, listen: {listen}, routes: {json.dumps(routes)} }}"
            server = NatsServer(folder / f"nats-{number}", f"server_name: n{number}\n{own}\n{block}")
            server.port = port
            servers.append(server)
            stack.enter_context(server)
        yield servers


async def stream_info(url: str, identity: Identity) -> StreamInfo | None:
    """What a server says of the events' stream; None while it has no leader."""
    connection = Connection(url, identity.trust.hub_login(), quiet=True)
    try:
        async with asyncio.timeout(5):
            await connection.connect()
            return await connection.client.jetstream(timeout=3).stream_info(STREAM)
    except (nats.errors.Error, TimeoutError, OSError):
        return None
    finally:
        await connection.close()


def settled_leader(servers: list[NatsServer], identity: Identity) -> int:
    """The number of the leader, once every other server has all that it has."""
    until = time.monotonic() + ELECTION_SECONDS
    while time.monotonic() < until:
        info = asyncio.run(stream_info(servers[0].url, identity))
        found = info.cluster if info else None
        if (
            found
            and found.leader
            and len(found.replicas or []) == SERVERS - 1
            and all(replica.current and not replica.offline for replica in found.replicas or [])
        ):
            return int(found.leader.removeprefix("n")) - 1
        time.sleep(0.1)
    raise AssertionError("no leader whose followers have everything")


def campaign(folder: Path, kills: int) -> list[float]:
    """Kill the leader `kills` times while an agent reports; the gaps between confirmations, in seconds."""
    settings = hub_settings(folder)
    identity = Identity.of(settings)
    gaps: list[float] = []
    with ExitStack() as stack:
        accounts = str(settings.data_dir.resolve() / "nats" / "accounts")
        servers = stack.enter_context(cluster(folder, access(settings, identity), accounts))
        fleet = enrolled_fleet(folder, 1, servers[0], identity, replicas=SERVERS)
        acks = Acks()
        stack.enter_context(Victim(fleet.hub_command, folder / "hub.log", lambda _line: None))
        agent = stack.enter_context(ExitStack())
        agent.enter_context(Victim(_report(fleet, 1_000_000), folder / "agent.log", acks.hear))
        for kill in range(1, kills + 1):
            acks.wait("signed", acks.counts.get("signed", 0) + 200)
            leader = servers[settled_leader(servers, identity)]
            killed_at = time.monotonic()
            leader.kill()
            acks.wait("signed", acks.counts["recorded"] + 100, later_than=killed_at)
            gaps.append(acks.longest_gap_since(killed_at))
            leader.start()
            print(f"leader kill {kill} of {kills}: {gaps[-1]:.1f} s without a confirmation", flush=True)
        agent.close()
        acks.counts.clear()
        recorded = len(store_rows(fleet, fleet.agent_ids[0]))
        stack.enter_context(Victim(_report(fleet, recorded), folder / "agent.log", acks.hear))
        acks.wait("signed", recorded)
    assert_same(fleet)
    return gaps


def _report(fleet: Fleet, events: int) -> list[str]:
    settings = str(fleet.agent_settings(fleet.agent_ids[0]))
    return [sys.executable, "-m", "tests.faults.reporting", settings, str(events), str(PER_SECOND)]


def assert_same(fleet: Fleet) -> None:
    """The hub has what the agent recorded, once each."""
    edge, hub = (sorted(rows(fleet, fleet.agent_ids[0]), key=repr) for rows in (store_rows, hub_rows))
    assert len(edge) == len(hub)
    assert edge == hub


def test_leader_kills_lose_nothing(tmp_path: Path) -> None:
    assert len(campaign(tmp_path, 1)) == 1


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_twenty_leader_kills_lose_nothing(tmp_path: Path) -> None:
    gaps = campaign(tmp_path, 20)
    print(f"gaps: median {sorted(gaps)[10]:.1f} s, longest {max(gaps):.1f} s")
