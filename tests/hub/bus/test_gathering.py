"""What many send, read in gulps from a real nats-server: all of it, over TLS too, and across a restart."""

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.agents import until
from tests.servers.nats_server import NatsServer
from tests.servers.tls_server import running_tls_server
from vigie_hub.bus.gathering import gather

MESSAGES = 500


@pytest.fixture
def plain_server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[NatsServer, ssl.SSLContext]]:
    with running_tls_server(tmp_path) as (server, certificates):
        context = certificates.client_context()
        assert context is not None
        yield server, context


async def hear_all(reader: Client, sender: Client, heard: list[int]) -> None:
    """Everything arrives once, in order, and what the reader asks is answered."""
    for number in range(MESSAGES):
        await sender.publish("p.a", b"%d" % number)
    await until(lambda: _is(len(heard) >= MESSAGES))
    assert heard == list(range(MESSAGES))
    await reader.flush(timeout=30)


async def _is(fact: bool) -> bool:
    return fact


async def follow(reader: Client, heard: list[int]) -> None:
    async def came(message: Msg) -> None:
        heard.append(int(message.data))

    await reader.subscribe("p.*", cb=came)
    await reader.flush(timeout=30)


async def test_everything_arrives_and_a_restart_is_survived(plain_server: NatsServer) -> None:
    reader, sender, heard = Client(), Client(), list[int]()
    await reader.connect(plain_server.url, reconnect_time_wait=0, max_reconnect_attempts=-1, error_cb=_ignore)
    await sender.connect(plain_server.url, reconnect_time_wait=0, max_reconnect_attempts=-1, error_cb=_ignore)
    await follow(reader, heard)
    gathering = asyncio.create_task(gather(reader, 0.05))
    await hear_all(reader, sender, heard)
    await asyncio.to_thread(plain_server.restart)
    await until(lambda: _is(reader.is_connected and sender.is_connected and reader.stats["reconnects"] > 0))
    heard.clear()
    await hear_all(reader, sender, heard)
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    await sender.close()
    await reader.close()


async def test_everything_arrives_over_tls(tls_server: tuple[NatsServer, ssl.SSLContext]) -> None:
    server, context = tls_server
    reader, sender, heard = Client(), Client(), list[int]()
    for client in (reader, sender):
        await client.connect(f"tls://127.0.0.1:{server.port}", tls=context, tls_handshake_first=True)
    await follow(reader, heard)
    gathering = asyncio.create_task(gather(reader, 0.05))
    await hear_all(reader, sender, heard)
    gathering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gathering
    await sender.close()
    await reader.close()


async def _ignore(_error: Exception) -> None: ...
