"""A nats-server at one end of an emulated link, as a process there."""

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from tests.links.emulated import End
from tests.servers.nats_server import nats_server_binary

_PORT: Final = 4222


@asynccontextmanager
async def bus(end: End, listens: str | None = None) -> AsyncIterator[str]:
    """Its address; it listens there alone unless told otherwise."""
    server = await end.start(nats_server_binary(), "-a", listens or end.address, "-p", str(_PORT), stderr=PIPE)
    try:
        assert server.stderr is not None
        while b"Server is ready" not in await server.stderr.readline():
            if server.returncode is not None:
                raise RuntimeError("nats-server does not start")
        draining = asyncio.create_task(server.stderr.read())
        host = f"[{end.address}]" if ":" in end.address else end.address
        yield f"nats://{host}:{_PORT}"
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()
    await draining
