"""A relay that a TCP connection goes through unchanged, and the kernel's own count of its segments.

Segments are as large as an LTE link's: the MSS is 1348. On the wire each has 52 bytes of IPv4 and TCP header with
timestamps around it, acknowledgements without data included.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

MSS_BYTES: Final = 1348
HEADER_BYTES: Final = 52
_INFO_BYTES: Final = 160
_BYTES_RECEIVED, _SEGS_OUT, _SEGS_IN = 128, 136, 140
"""Offsets in Linux's `struct tcp_info` (linux/tcp.h)."""


@dataclass(frozen=True)
class Count:
    """What has crossed so far: bytes of the stream and segments, up from the client and down to it."""

    up_bytes: int
    up_segments: int
    down_bytes: int
    down_segments: int

    def since(self, before: "Count") -> "Count":
        """What has crossed since `before`."""
        return Count(
            self.up_bytes - before.up_bytes,
            self.up_segments - before.up_segments,
            self.down_bytes - before.down_bytes,
            self.down_segments - before.down_segments,
        )

    @property
    def up_wire_bytes(self) -> int:
        """With headers."""
        return self.up_bytes + HEADER_BYTES * self.up_segments

    @property
    def down_wire_bytes(self) -> int:
        """With headers."""
        return self.down_bytes + HEADER_BYTES * self.down_segments


class MeteredRelay:
    """Takes one client on `port` and hands all on."""

    def __init__(self) -> None:
        self.port = 0
        self._client: socket.socket
        self._down_bytes = 0

    @contextlib.asynccontextmanager
    async def running(self, to_port: int) -> AsyncIterator["MeteredRelay"]:
        """Relay to `to_port` on this machine."""
        listener = socket.socket()
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS_BYTES + 12)  # the option's own 12 bytes go off
        listener.bind(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        async with asyncio.TaskGroup() as tasks:

            async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                self._client = writer.get_extra_info("socket")
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to_port)
                up = tasks.create_task(self._copy(reader, far_writer, down=False))
                down = tasks.create_task(self._copy(far_reader, writer, down=True))
                await asyncio.wait([up, down], return_when=asyncio.FIRST_COMPLETED)
                for end in (writer, far_writer):
                    end.close()

            server = await asyncio.start_server(accepted, sock=listener)
            try:
                yield self
            finally:
                server.close()
                await server.wait_closed()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, down: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                self._down_bytes += len(data) if down else 0
                writer.write(data)
                await writer.drain()

    def count(self) -> Count:
        """So far."""
        info = self._client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        (received,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
        segs_out, segs_in = struct.unpack_from("=II", info, _SEGS_OUT)
        return Count(received, segs_in, self._down_bytes, segs_out)
