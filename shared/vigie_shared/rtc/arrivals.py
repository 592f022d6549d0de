"""When datagrams came, by the kernel's clock: a process that is busy reads them late, and must not take that for a slow
link.
"""

import asyncio
import socket
import struct
import sys
import time
from typing import Any, Final

_STAMP: Final = struct.Struct("@ll")
_SO_TIMESTAMPNS: Final = 35
_DATAGRAM_BYTES_MAX: Final = 4096
_ANCILLARY_BYTES: Final = socket.CMSG_SPACE(_STAMP.size)
_BUFFER_BYTES: Final = 1 << 20
_SURE_SECONDS: Final = 0.001
_CLOCK_SET_SECONDS: Final = 0.02
_DISTRUST_SECONDS: Final = 1.0


class Arrivals:
    """Stands where a datagram transport of asyncio's has its socket, and knows when the datagram read last came.

    The socket is given room for half a second without anybody who reads, as far as the system allows.
    """

    def __init__(self, transport: asyncio.BaseTransport | None) -> None:
        self.came_at_seconds: float | None = None
        """By the event loop's clock; None where the kernel does not say."""
        self._socket: socket.socket | None = getattr(transport, "_sock", None)  # none for TURN
        self._ahead_seconds = min((_clocks() for _ in range(5)), key=lambda clocks: clocks[2])[1]
        self._distrusted_until = 0.0
        if self._socket is not None and sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            setattr(transport, "_sock", self)  # noqa: B010 - mypy does not know it

    def recvfrom(self, bytes_max: int) -> tuple[bytes, Any]:
        """As of a socket."""
        assert self._socket is not None
        data, ancillary, _, address = self._socket.recvmsg(min(bytes_max, _DATAGRAM_BYTES_MAX), _ANCILLARY_BYTES)
        self.came_at_seconds = self._came_at(ancillary[0][2]) if ancillary else None
        return data, address

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
