"""Notices a dead way to the hub without a byte: the kernel gives up what nobody acknowledges."""

import socket
from typing import Final

import structlog
from nats.aio.client import Client

log = structlog.get_logger(__name__)

SILENCE_SECONDS: Final = 30
"""What is not acknowledged for so long ends the connection (TCP_USER_TIMEOUT, RFC 5482); a new one follows."""


def notice_silence(client: Client) -> bool:
    """Set it for the connection that `client` has now; False where it has none that the kernel watches.

    nats-py 2.16 hands out no socket: without it, only its own PING notices.
    """
    writer = getattr(client._transport, "_io_writer", None)
    found = writer.get_extra_info("socket") if writer is not None else None
    if found is None:
        log.debug("a dead link is noticed by pings alone")
        return False
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000)
    return True
