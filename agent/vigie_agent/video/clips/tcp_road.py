"""The agent's end of the TCP road: it dials the hub's API, proves which session it comes for, and speaks both ways.

HTTP/1.1 by hand, since no client library lets both bodies run at once.
"""

import asyncio
import contextlib
import fcntl
import socket
import ssl
import struct
import termios
from collections import deque
from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import urlsplit

from vigie_agent.credentials import Credentials
from vigie_agent.uplink.wire_bytes import tcp_bytes
from vigie_shared import road
from vigie_shared.addresses import plain_beyond_loopback
from vigie_shared.errors import LinkError, TransferError, WireError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import Door
from vigie_shared.transfer import FRAME_BYTES_MAX

DIAL_SECONDS: Final = 5.0
_HANG_UP_SECONDS: Final = 2.0
_HEAD_BYTES_MAX: Final = 8 * 1024
_READ_BYTES: Final = 64 * 1024
_UNSENT_BYTES_MAX: Final = 256 * 1024
"""What waits in the kernel cannot be taken back when something more urgent comes."""
_SILENCE_MS: Final = 10_000
_CONGESTION: Final = b"bbr"
"""Keeps its rate where packets are lost for other reasons than a full queue (draft-ietf-ccwg-bbr)."""


class TcpPeer:
    """One connection; every wait ends with TransferError after `lease_seconds` in which nothing moved."""

    frame_bytes_max = FRAME_BYTES_MAX
    wire_bytes = staticmethod(tcp_bytes)

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lease_seconds: float) -> None:
        self._reader = reader
        self._writer = writer
        self._lease_seconds = lease_seconds
        self._chunks = road.Chunks()
        self._messages = road.Messages()
        self._inbox: deque[str | bytes] = deque()

    async def opened(self) -> None:
        """It is."""

    async def receive(self) -> str | bytes:
        """The next message."""
        while not self._inbox:
            async with self._while_moving():
                data = await self._reader.read(_READ_BYTES)
                if not data or self._chunks.is_over:
                    raise TransferError(_("the other side is gone"))
                for within in self._chunks.feed(data):
                    self._inbox.extend(self._messages.feed(within))
        return self._inbox.popleft()

    async def send(self, message: str | bytes) -> None:
        """Hand a message to the connection; waits while too much is there."""
        self._writer.write(road.chunk(road.pack(message)))
        async with self._while_moving():
            await self._writer.drain()

    @property
    def unconfirmed_bytes(self) -> int:
        """Bytes that the other side's kernel has not acknowledged yet (tcp(7), SIOCOUTQ)."""
        transport = self._writer.transport
        if transport.is_closing():
            return 0
        answer = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, b"\0" * 4)
        return int(struct.unpack("i", answer)[0]) + transport.get_write_buffer_size()

    async def hang_up(self) -> None:
        """Let what is queued arrive: wait for the other side to close, but not for long."""
        with contextlib.suppress(TimeoutError, OSError, ValueError):
            async with asyncio.timeout(_HANG_UP_SECONDS):
                self._writer.write(b"0\r\n\r\n")
                while await self._reader.read(_READ_BYTES):
                    pass

    async def close(self) -> None:
        """At once."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await self._writer.wait_closed()

    @contextlib.asynccontextmanager
    async def _while_moving(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._lease_seconds):
                yield
        except TimeoutError as error:
            raise TransferError(_("nothing moved for {seconds:g} s").format(seconds=self._lease_seconds)) from error
        except (OSError, EOFError, ValueError, WireError) as error:
            raise TransferError(_("the other side is gone")) from error


class TcpRoad:
    """Knows the hub, and the key by which it knows this agent."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @contextlib.asynccontextmanager
    async def dialled(self, session_id: str, door: Door, lease_seconds: float) -> AsyncIterator[TcpPeer]:
        """A connection that the hub has let in. Raises LinkError where there is no way, or it will not."""
        url = door.url or self._credentials.membership.api_url
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                peer = await self._dial(url, session_id, door.secret, lease_seconds)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            reason = str(error) or _("no answer")
            raise LinkError(_("cannot reach the hub at {url}: {reason}").format(url=url, reason=reason)) from error
        try:
            yield peer
        finally:
            await asyncio.shield(peer.close())

    async def _dial(self, url: str, session_id: str, secret: str, lease_seconds: float) -> TcpPeer:
        if scheme := plain_beyond_loopback(url):
            raise LinkError(_("{url}: beyond this machine the hub must be {scheme}://…").format(url=url, scheme=scheme))
        parts, membership = urlsplit(url), self._credentials.membership
        context = None
        if parts.scheme == "https":
            context = await asyncio.to_thread(ssl.create_default_context, cadata=membership.authority)
        port = parts.port or (443 if context else 80)
        reader, writer = await asyncio.open_connection(parts.hostname, port, ssl=context, limit=_READ_BYTES)
        peer = TcpPeer(reader, writer, lease_seconds)
        try:
            _tune(writer.get_extra_info("socket"))
            signature = self._credentials.key.sign(road.proof(membership.agent_id, session_id, secret))
            writer.write(_request(parts.netloc, session_id, signature))
            head = await reader.readuntil(b"\r\n\r\n")
            status = head[:_HEAD_BYTES_MAX].split(b" ", 2)[1].decode("ascii", "replace")
            if status != "200":
                raise LinkError(_("the hub at {url} does not let us in: HTTP {status}").format(url=url, status=status))
        except BaseException:
            await peer.close()
            raise
        return peer


def _request(host: str, session_id: str, signature: str) -> bytes:
    return (
        f"POST {road.PATH}{session_id} HTTP/1.1\r\nHost: {host}\r\nAuthorization: {road.SCHEME} {signature}\r\n"
        "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()


def _tune(connection: socket.socket) -> None:
    """What this kernel allows of it."""
    for option, value in (
        (socket.TCP_CONGESTION, _CONGESTION),
        (socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES_MAX),
        (socket.TCP_USER_TIMEOUT, _SILENCE_MS),
    ):
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, option, value)
