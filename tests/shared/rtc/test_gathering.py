"""Relays by every road that is named, in IPv6 too, with credentials that end and an authority that is believed."""

import asyncio
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection

from tests.servers.turn_server import SECRET, TurnServer, turn_server
from vigie_hub.bus.certificates import Certificates
from vigie_hub.settings import TlsSettings
from vigie_shared.ice import IceServer, IceServers, with_credentials
from vigie_shared.rtc.connection import describe, make_connection

ROADS = ["udp", "tcp", "tls"]


async def relays(*servers: IceServer) -> list[str]:
    """What is offered of relays, the best first."""
    connection = make_connection(servers)
    connection.createDataChannel("x")
    try:
        lines = [line for line in (await describe(connection)).splitlines() if " typ relay " in line]
    finally:
        await connection.close()
    return sorted(lines, key=lambda line: -int(line.split()[3]))


def given(turn: TurnServer, *roads: str, authority: str | None = None) -> tuple[IceServer, ...]:
    urls = tuple(turn.url(road) for road in roads)
    return IceServers(urls, SECRET, authority or turn.authority).given_to("gate", datetime.now(UTC))


@pytest.mark.parametrize("road", ROADS)
async def test_each_road_leads_to_a_relay(tmp_path: Path, road: str) -> None:
    async with turn_server(tmp_path) as turn:
        assert len(await relays(*given(turn, road))) == 1


async def test_all_servers_are_asked_and_the_quickest_road_is_liked_best(tmp_path: Path) -> None:
    async with turn_server(tmp_path) as turn:
        found = await relays(*given(turn, "tls", "tcp", "udp"))
        priorities = [int(line.split()[3]) for line in found]
        assert len(set(priorities)) == 3
        (udp,) = await relays(*given(turn, "udp"))
        assert int(udp.split()[3]) == priorities[0]


async def test_a_server_that_does_not_answer_hides_no_other(tmp_path: Path) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        nobody = IceServer(url=f"turn:127.0.0.1:{silent.getsockname()[1]}", username="1:x", credential="x")
        async with turn_server(tmp_path) as turn:
            assert len(await relays(nobody, *given(turn, "tls"))) == 1


async def test_aiortc_alone_still_asks_the_first_one_only(tmp_path: Path) -> None:
    """Else `gathering` need not ask them all."""
    async with turn_server(tmp_path) as turn:
        servers = [
            RTCIceServer(urls=one.url, username=one.username, credential=one.credential)
            for one in given(turn, "tcp", "udp")
        ]
        connection = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        connection.createDataChannel("x")
        assert (await describe(connection)).count(" typ relay ") == 1
        await connection.close()


async def test_a_server_of_another_authority_is_not_believed(tmp_path: Path) -> None:
    other = Certificates(tmp_path / "other", TlsSettings(), [])
    await asyncio.to_thread(other.ensure, datetime.now(UTC))
    async with turn_server(tmp_path) as turn:
        assert await relays(*given(turn, "tls", authority=await asyncio.to_thread(other.authority_pem))) == []
        assert await relays(*(one.model_copy(update={"authority": None}) for one in given(turn, "tls"))) == []


@pytest.mark.parametrize(("ends_in", "is_let_in"), [(timedelta(hours=1), True), (timedelta(hours=-1), False)])
async def test_a_credential_that_has_ended_opens_no_relay(tmp_path: Path, ends_in: timedelta, is_let_in: bool) -> None:
    async with turn_server(tmp_path) as turn:
        servers = with_credentials([turn.url("udp")], SECRET, "gate", datetime.now(UTC) + ends_in)
        assert bool(await relays(*servers)) is is_let_in


@pytest.mark.parametrize("road", ROADS)
async def test_a_server_may_have_an_ipv6_address(tmp_path: Path, road: str) -> None:
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
    async with turn_server(tmp_path, "::1", "127.0.0.1") as turn:
        assert len(await relays(*given(turn, road))) == 1


async def test_a_stun_server_tells_each_address_once(tmp_path: Path) -> None:
    async with turn_server(tmp_path) as turn:
        connection = make_connection([IceServer(url=f"stun:127.0.0.1:{turn.port}")] * 2)
        connection.createDataChannel("x")
        found = [line.split()[4:6] for line in (await describe(connection)).splitlines() if "a=candidate" in line]
        await connection.close()
    assert len(found) == len({tuple(address) for address in found})


@pytest.mark.parametrize("road", ROADS)
async def test_a_relay_that_is_gone_keeps_no_connection_open(tmp_path: Path, road: str) -> None:
    """aioice alone would ask it for a minute whether it may go."""
    async with turn_server(tmp_path) as turn:
        connection = make_connection(given(turn, road))
        connection.createDataChannel("x")
        await describe(connection)
        turn.stop()
        async with asyncio.timeout(30):
            await connection.close()
        turn.go_on()
