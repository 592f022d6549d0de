"""The TCP connection under a NATS client, as the kernel sees it: its ends, what was acknowledged, and how to drop it.

nats-py 2.16 hands out no socket; without it nothing is known, and only its own PING notices a dead way.
"""

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import Final, Self

from nats.aio.client import Client

SILENCE_SECONDS: Final = 30
"""What is not acknowledged for so long ends the connection (TCP_USER_TIMEOUT, RFC 5482); a new one follows."""
_RTT: Final = struct.Struct("=68xI")
_ACKED: Final = struct.Struct("=120xQ")
"""Where `struct tcp_info` has them (linux/tcp.h); it only ever grows at its end."""


@dataclass(frozen=True, slots=True)
class Wire:
    """The connection that a client has now."""

    local: str
    """This end's address."""
    peer: str
    """nats-server's."""
    _transport: asyncio.WriteTransport
    _socket: socket.socket

    @classmethod
    def of(cls, client: Client) -> Self | None:
        """None where it has none, or none that the kernel watches."""
        writer = getattr(client._transport, "_io_writer", None)
        if writer is None or (found := writer.get_extra_info("socket")) is None or found.fileno() < 0:
            return None
        ends = writer.get_extra_info("sockname"), writer.get_extra_info("peername")
        return cls(ends[0][0], ends[1][0], writer.transport, found) if all(ends) else None

    def notice_silence(self) -> None:
        """Have the kernel give up what nobody acknowledges."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000)

    @property
    def round_trip_seconds(self) -> float:
        """As the kernel measured it; 0 where it does not say."""
        return self._info(_RTT) / 1e6

    @property
    def acked_bytes(self) -> int:
        """What the other end has acknowledged, ever; 0 where the kernel does not say."""
        return self._info(_ACKED)

    def drop(self) -> None:
        """Close it without a word: TLS would wait half a minute for a farewell from where nobody is."""
        self._transport.abort()

    def _info(self, field: struct.Struct) -> int:
        try:
            said = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, field.size)
        except OSError:
            return 0
        return int(field.unpack(said)[0]) if len(said) == field.size else 0
