"""What the kernel knows of the connection that is up now."""

import socket
from collections.abc import AsyncIterator

import nats
import pytest
from nats.aio.client import Client

from tests.servers.nats_server import NatsServer, nats_server
from vigie_agent.uplink.wire import SILENCE_SECONDS, Wire

__all__ = ["nats_server"]


@pytest.fixture
async def client(nats_server: NatsServer) -> AsyncIterator[Client]:
    client = await nats.connect(nats_server.url, reconnect_time_wait=0)
    yield client
    await client.close()


def wire_of(client: Client) -> Wire:
    wire = Wire.of(client)
    assert wire is not None
    return wire


async def test_the_kernel_gives_up_what_nobody_acknowledges(client: Client) -> None:
    wire_of(client).notice_silence()
    found = client._transport._io_writer.get_extra_info("socket")  # type: ignore[union-attr]
    assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE_SECONDS * 1000


async def test_ends_and_acknowledgements_are_those_of_the_connection(client: Client) -> None:
    wire = wire_of(client)
    assert (wire.local, wire.peer) == ("127.0.0.1", "127.0.0.1")
    before = wire.acked_bytes
    await client.publish("a", b"x" * 1000)
    for _twice in range(2):  # nats-py 2.16 may write a PING ahead of what was published
        await client.flush()
    assert before > 0
    assert wire.acked_bytes >= before + 1000
    assert 0 < wire.round_trip_seconds < 60


async def test_one_that_is_dropped_is_closed_at_once(client: Client) -> None:
    wire = wire_of(client)
    wire.drop()
    assert client._transport is not None
    await client._transport.wait_closed()  # type: ignore[no-untyped-call]
    assert wire.acked_bytes == 0


async def test_a_client_without_a_connection_has_none() -> None:
    assert Wire.of(Client()) is None
