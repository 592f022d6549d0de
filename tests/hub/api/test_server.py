"""The server starts listening at once and stops without waiting for open pages."""

import asyncio
import socket

import httpx
import pytest

from tests.hub.api.stage import NAME, PASSWORD, Stage, serving
from vigie_hub.api.server import ApiServer
from vigie_shared.errors import LinkError


async def test_stopping_the_server_ends_its_streams(hub: Stage) -> None:
    listened = asyncio.Event()

    async def listen(url: str) -> None:
        async with (
            httpx.AsyncClient(base_url=url, auth=(NAME, PASSWORD)) as script,
            script.stream("GET", "/api/v1/events/stream") as response,
        ):
            async for _ in response.aiter_lines():
                listened.set()

    async with asyncio.timeout(30):
        async with serving(hub) as url:
            listener = asyncio.create_task(listen(url))
            await listened.wait()
        await listener


async def test_stop_before_start_is_a_stop(hub: Stage) -> None:
    server = ApiServer(hub.api, hub.services.feed, "127.0.0.1", 0)
    task = asyncio.create_task(server.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_taken_port_is_one_clear_line(hub: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            LinkError, match=rf"cannot listen on 127.0.0.1 port {port}: .*; choose another port in \[api\]"
        ):
            ApiServer(hub.api, hub.services.feed, "127.0.0.1", port)


def test_no_answer_waits_until_its_first_half_is_acknowledged(hub: Stage) -> None:
    server = ApiServer(hub.api, hub.services.feed, "127.0.0.1", 0)
    with server._socket, socket.create_connection(("127.0.0.1", server.port)):
        accepted, _ = server._socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
