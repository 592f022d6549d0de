"""A box that gets another address, and a server that does: in networks of their own, with a real nats-server."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest

from tests.agent.uplink.hub import membership
from tests.hub.agents import new_key
from tests.links.star import ANY, Star, star
from tests.servers.nats_server import NatsServer, nats_server, nats_server_binary
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.roaming import PATIENCE_SECONDS, Roamer, Verdict, is_silent, patience_seconds
from vigie_agent.uplink.routes import Routes, is_here
from vigie_agent.uplink.way import Way

__all__ = ["nats_server"]

HUB, MOVED_HUB, AGENT, MOVED_AGENT = "10.78.0.2", "10.78.0.12", "10.78.0.3", "10.78.0.13"
WIFI, MODEM = Way("10.0.0.5", 2, "10.0.0.1"), Way("100.64.0.9", 3, "100.64.0.1")
SECONDS = 60.0


@pytest.mark.parametrize(
    ("way", "has_address", "verdict"),
    [
        (WIFI, True, Verdict.FINE),
        (None, True, Verdict.FINE),
        (None, False, Verdict.FINE),
        (WIFI, False, Verdict.DIAL),
        (MODEM, True, Verdict.DIAL),
        (MODEM, False, Verdict.DIAL),
        (Way(WIFI.source, WIFI.interface, "10.0.0.254"), True, Verdict.ASK),
        (Way("10.0.0.77", WIFI.interface, WIFI.gateway), True, Verdict.ASK),
    ],
)
def test_what_a_change_means(way: Way | None, has_address: bool, verdict: Verdict) -> None:
    assert Roamer(WIFI).judge(way, has_address=has_address) is verdict


def test_the_same_way_after_a_cut_is_asked_about_once() -> None:
    roamer = Roamer(WIFI)
    judged = [roamer.judge(way, has_address=True) for way in (None, None, WIFI, WIFI)]
    assert judged == [Verdict.FINE, Verdict.FINE, Verdict.ASK, Verdict.FINE]


def test_a_change_is_judged_once() -> None:
    roamer = Roamer(WIFI)
    assert [roamer.judge(MODEM, has_address=True) for _ in range(2)] == [Verdict.DIAL, Verdict.FINE]


def test_a_satellite_has_time_to_answer_even_where_one_packet_is_lost() -> None:
    assert patience_seconds(0.001) < PATIENCE_SECONDS * 1.01
    assert patience_seconds(2.0) >= 2.0 + 2 * 2.0


def test_an_address_is_here_or_is_not() -> None:
    assert is_here("127.0.0.1")
    assert not is_here("192.0.2.77")


@pytest.mark.skipif(not hasattr(socket, "AF_NETLINK"), reason="rtnetlink is Linux's")
def test_this_machine_reaches_itself_by_loopback() -> None:
    with Routes.opened() as routes:
        way = routes.way_to("127.0.0.1")
        assert way is not None
        assert way.source == "127.0.0.1"
        assert routes.way_to("no address") is None


async def test_a_server_that_answers_is_not_silent(nats_server: NatsServer) -> None:
    async with await nats.connect(nats_server.url) as client:
        assert not await is_silent(client)


async def test_a_connection_is_left_and_made_anew_on_request(nats_server: NatsServer) -> None:
    credentials = Credentials(Path(), AgentKey(new_key().seed), membership(nats_server.url))
    connection = Connection(credentials, reconnect_seconds_max=600)
    connection._returning._chance = lambda: 1.0
    async with connection.open() as client:
        for _ in range(3):
            before, back = client.client_id, asyncio.Event()
            connection.on_back = back.set
            await connection.redial()
            async with asyncio.timeout(SECONDS):
                await back.wait()
            assert client.client_id != before
            await client.flush()


async def test_a_wait_for_the_next_try_is_cut_short(nats_server: NatsServer) -> None:
    credentials = Credentials(Path(), AgentKey(new_key().seed), membership(nats_server.url))
    connection = Connection(credentials, reconnect_seconds_max=600)
    connection._returning._first_seconds = 600.0
    connection._returning._chance = lambda: 1.0
    lost, back = asyncio.Event(), asyncio.Event()
    async with connection.open() as client:
        connection.on_lost, connection.on_back = lost.set, back.set
        await asyncio.to_thread(nats_server.restart)
        async with asyncio.timeout(SECONDS):
            await lost.wait()
            assert client.is_reconnecting
            await connection.redial()
            await back.wait()
        await client.flush()


async def test_where_a_renewal_named_another_address_the_connection_goes_there(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    credentials = Credentials(Path(), AgentKey(new_key().seed), membership(nats_server.url))
    connection = Connection(credentials, reconnect_seconds_max=600)
    back = asyncio.Event()
    with NatsServer(tmp_path / "elsewhere") as elsewhere:
        async with connection.open() as client:
            connection.on_back = back.set
            credentials.membership = membership(elsewhere.url, more=(nats_server.url,))
            await connection.redial(elsewhere=True)
            async with asyncio.timeout(SECONDS):
                await back.wait()
            assert client.connected_url is not None
            assert client.connected_url.port == elsewhere.port


async def test_a_changed_address_is_followed_at_once_and_a_server_that_moved_once_a_session_broke() -> None:
    async with at_sea() as (sea, agent):
        assert await line_of(agent) == f"{AGENT} {HUB}"
        await sea.move(sea.islands[1], AGENT, MOVED_AGENT)
        assert await line_of(agent) == f"{MOVED_AGENT} {HUB}"

        await sea.move(sea.islands[0], HUB, MOVED_HUB)
        assert agent.stdin is not None
        agent.stdin.write(b"a session broke\n")
        assert await line_of(agent) == f"{MOVED_AGENT} {MOVED_HUB}"


@asynccontextmanager
async def at_sea() -> AsyncIterator[tuple[Star, Process]]:
    """nats-server on the first island, the agent on the second."""
    async with star([HUB], [AGENT], rules=ANY) as sea:
        server = await sea.islands[0].start(nats_server_binary(), "-p", "4222", stderr=PIPE)
        assert server.stderr is not None
        while b"Server is ready" not in await server.stderr.readline():
            assert server.returncode is None
        draining = asyncio.create_task(server.stderr.read())
        urls = [f"nats://{host}:4222" for host in (HUB, MOVED_HUB)]
        end = [sys.executable, "-m", "tests.agent.uplink.roaming_end", *urls]
        agent = await sea.islands[1].start(*end, stdin=PIPE, stdout=PIPE)
        try:
            yield sea, agent
        finally:
            for process in (agent, server):
                process.kill()
                await process.wait()
            await draining


async def line_of(agent: Process) -> str:
    assert agent.stdout is not None
    async with asyncio.timeout(SECONDS):
        while line := (await agent.stdout.readline()).decode():
            if line.startswith("connected "):
                return line.removeprefix("connected ").strip()
    raise AssertionError("the agent ended")
