"""Relays: a real coturn, by UDP and by TCP, with credentials that the hub makes and that end by themselves."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiortc import RTCIceServer
from nats.aio.client import Client

from tests.hub.video.live.test_watching import watching_hub
from tests.hub.video.live_agents import TestViewer
from tests.servers.ports import free_port
from vigie_shared.ice import with_credentials
from vigie_shared.rtc.connection import describe, make_connection

SECRET = "north-gate"


@asynccontextmanager
async def coturn(folder: Path) -> AsyncIterator[int]:
    """The port of a TURN server that relays on loopback."""
    binary = shutil.which("turnserver") or pytest.skip("no coturn here: apt-get install coturn")
    port = free_port()
    options = (
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--allow-loopback-peers", "--use-auth-secret"),
        *(f"--static-auth-secret={SECRET}", "--realm=vigie", f"--listening-port={port}"),
        *("--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--log-file=stdout", f"--pidfile={folder / 'pid'}"),
        f"--userdb={folder / 'turn.db'}",
    )
    server = await asyncio.create_subprocess_exec(binary, *options, stdout=DEVNULL, stderr=DEVNULL)
    try:
        async with asyncio.timeout(15):
            while not await is_open(port):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        yield port
    finally:
        server.terminate()
        await server.wait()


async def is_open(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_viewer_is_answered_from_a_relay_too(connection: Client, tmp_path: Path, transport: str) -> None:
    viewer = TestViewer()
    async with coturn(tmp_path) as port:
        urls = (f"turn:127.0.0.1:{port}?transport={transport}",)
        async with watching_hub(connection, tmp_path, ice_urls=urls, turn_secret=SECRET) as hub:
            watched = await hub.show(viewer)
            assert " typ relay " in watched.sdp
            name = watched.ice_servers[0].username
            assert name is not None
            assert name.endswith(watched.viewing_id)
            await viewer.close()


@pytest.mark.parametrize(("ends_in", "is_let_in"), [(timedelta(hours=1), True), (timedelta(hours=-1), False)])
async def test_a_credential_that_has_ended_opens_no_relay(tmp_path: Path, ends_in: timedelta, is_let_in: bool) -> None:
    async with coturn(tmp_path) as port:
        urls = [f"turn:127.0.0.1:{port}?transport=udp"]
        (server,) = with_credentials(urls, SECRET, "gate", datetime.now(UTC) + ends_in)
        ice = RTCIceServer(urls=server.url, username=server.username, credential=server.credential)
        peer = make_connection([ice])
        peer.createDataChannel("x")
        try:
            assert (" typ relay " in await describe(peer)) is is_let_in
        finally:
            await peer.close()
