"""When datagrams came, by the kernel's clock: a process that is busy reads them late, and must not take that for a slow
link. Those that came together are read in one call (UDP_GRO).
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time
from typing import Any, Final

_STAMP: Final = struct.Struct("@ll")
_SO_TIMESTAMPNS: Final = 35
UDP_GRO: Final = 104
_SIZE: Final = struct.Struct("@i")
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_STAMP.size) + socket.CMSG_SPACE(_SIZE.size)
_READ_BYTES_MAX: Final = 1 << 16
_BUFFER_BYTES: Final = 1 << 20
_SURE_SECONDS: Final = 0.001
_CLOCK_SET_SECONDS: Final = 0.02
_DISTRUST_SECONDS: Final = 1.0


class Arrivals:
    """Stands where a datagram transport of asyncio's has its socket, and knows when the datagrams read last came.

    The socket is given room for half a second without anybody who reads, as far as the system allows.
    """

    def __init__(self, transport: asyncio.BaseTransport | None) -> None:
        self.came_at_seconds: float | None = None
        """By the event loop's clock; None where the kernel does not say."""
        self._transport: Any = transport
        self._socket: socket.socket | None = getattr(transport, "_sock", None)  # none for TURN
        self._ahead_seconds = min((_clocks() for _ in range(5)), key=lambda clocks: clocks[2])[1]
        self._distrusted_until = 0.0
        if self._socket is not None and sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            with contextlib.suppress(OSError):  # a kernel before 5.0
                self._socket.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
            setattr(transport, "_sock", self)  # noqa: B010 - mypy does not know it

    def recvfrom(self, bytes_max: int) -> tuple[bytes, Any]:
        """As of a socket. Of datagrams that are read together all but the last are handed to the protocol first."""
        assert self._socket is not None
        data, ancillary, _, address = self._socket.recvmsg(_READ_BYTES_MAX, _ANCILLARY_BYTES)
        self.came_at_seconds, size = None, 0
        for _, kind, content in ancillary:
            if kind == _SO_TIMESTAMPNS:
                self.came_at_seconds = self._came_at(content)
            elif kind == UDP_GRO:
                (size,) = _SIZE.unpack(content)
        last = (len(data) - 1) // size * size if size else 0
        for at in range(0, last, size or 1):
            self._transport._protocol.datagram_received(data[at : at + size], address)
        return data[last:], address

    def _came_at(self, stamp: bytes) -> float | None:
        """Not known around the moment that the clock is set."""
        now, ahead, unsure = _clocks()
        if unsure < _SURE_SECONDS:
            if abs(ahead - self._ahead_seconds) > _CLOCK_SET_SECONDS:
                self._distrusted_until = now + _DISTRUST_SECONDS
            self._ahead_seconds = ahead
        seconds, nanoseconds = _STAMP.unpack(stamp)
        return seconds + nanoseconds / 1e9 - self._ahead_seconds if now >= self._distrusted_until else None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _clocks() -> tuple[float, float, float]:
    """The steady clock, how far the one that can be set is ahead of it, and how unsure that is."""
    before, wall, after = time.monotonic(), time.time(), time.monotonic()
    return after, wall - after, after - before
