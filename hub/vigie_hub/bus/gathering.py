"""Reading in few gulps what many send: in between, the kernel gathers it.

A message that is read by itself costs a turn of the event loop, a read of the socket, a TLS record and the switches to
nats-py's tasks, which is most of what a heartbeat costs. Five hundred a second read together cost a fifth of that.
"""

import asyncio
from typing import Final

from nats.aio.client import Client

PAUSE_SECONDS: Final = 0.2
_OPEN_SECONDS: Final = 0.005
"""Until what has gathered was read: a turn of the event loop does."""


async def gather(client: Client, pause_seconds: float = PAUSE_SECONDS) -> None:
    """Read what comes to `client` each `pause_seconds`, until cancelled. It must have a connection of its own."""
    while True:
        transport = _socket_of(client)
        if transport is not None:
            transport.pause_reading()
        try:
            await asyncio.sleep(pause_seconds)
        finally:
            if transport is not None:
                transport.resume_reading()
        await asyncio.sleep(_OPEN_SECONDS)


def _socket_of(client: Client) -> asyncio.ReadTransport | None:
    """What reads the socket, below TLS; None while there is no connection. nats-py 2.16 hands it out to nobody."""
    writer = getattr(client._transport, "_bare_io_writer", None) if client.is_connected else None
    transport = writer.transport if writer is not None else None
    return transport if isinstance(transport, asyncio.ReadTransport) else None
