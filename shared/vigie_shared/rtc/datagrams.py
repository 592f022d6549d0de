"""RTP packets, encrypted and handed to the kernel many at a time.

aiortc spends a coroutine, two copies and a system call on each packet. Here the packets of a frame are written and
encrypted in one place, and those of one size leave in one call, which Linux cuts apart (UDP_SEGMENT). Where the kernel
or the road (TURN) cannot, they leave one by one.
"""

import errno
import socket
import struct
import sys
import threading
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from aioice.ice import CandidatePair
from aiortc.rtcdtlstransport import RTCDtlsTransport
from pylibsrtp._binding import ffi, lib

PACKETS_MAX: Final = 42
"""In one call; 64 are allowed, and 64 KiB."""
_PACKET_BYTES_MAX: Final = 1500
_TAG_BYTES_MAX: Final = 144
"""What libsrtp may append."""
_HEADER_BYTES: Final = 12
_VERSION: Final = 2 << 6
_HAS_EXTENSION: Final = 1 << 4
_MARKER: Final = 1 << 7
_UDP_SEGMENT: Final = 103
_NO_SEGMENTS: Final = frozenset((errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT))


class _Scratch(threading.local):
    """Where packets are written; one for each thread, so that it stays in the processor's cache."""

    def __init__(self) -> None:
        room = ffi.new("char[]", PACKETS_MAX * (_PACKET_BYTES_MAX + _TAG_BYTES_MAX))
        self.parts = room, memoryview(ffi.buffer(room)), ffi.new("int *")


_scratch = _Scratch()

Header = tuple[int, int, int, int, bytes]
"""Payload type, number of the first packet, timestamp, SSRC; and a whole header extension, or nothing."""


class RtpWriter:
    """Writes to one peer, by the keys and the way that its DTLS and ICE transports agreed on.

    What is done once for each frame is written without detours: by the next frame the processor has forgotten it all.
    """

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._nominated = dtls.transport._connection._nominated
        self._room, self._view, self._length = _scratch.parts
        self._extension_bytes = 0
        self._pack_into = _packet(0).pack_into
        self._pair: CandidatePair | None = None

    def write(self, payloads: Sequence[bytes], header: Header, ends_frame: bool) -> None:
        """Send packets that follow each other, in the thread that made this. Raises ConnectionError where there is no
        connection.
        """
        pair = self._nominated.get(1)
        if pair is None or pair is not self._pair:
            self._find_way(pair)
        payload_type, sequence, timestamp, ssrc, extension = header
        if len(extension) != self._extension_bytes:
            self._extension_bytes = len(extension)
            self._pack_into = _packet(len(extension)).pack_into
        room, view, length, pack_into = self._room, self._view, self._length, self._pack_into
        protect, keys = lib.srtp_protect, self._keys
        first = _VERSION | _HAS_EXTENSION if extension else _VERSION
        head_bytes = _HEADER_BYTES + self._extension_bytes
        last = len(payloads) - 1 if ends_frame else -1
        at = packet_bytes = full = 0
        payload_bytes = -1
        for number, payload in enumerate(payloads):
            if len(payload) != payload_bytes or number == full:
                if len(payload) > _PACKET_BYTES_MAX - head_bytes:
                    raise ValueError(f"an RTP payload of {len(payload)} bytes is too long")
                if at and (len(payload) > payload_bytes or number == full):
                    self._send(view[:at], packet_bytes)
                    at = packet_bytes = 0
                if at:
                    payload_bytes = -1  # one that is smaller ends what leaves in one call
                else:
                    payload_bytes, full = len(payload), number + PACKETS_MAX
            kind = payload_type | _MARKER if number == last else payload_type
            pack_into(view, at, first, kind, sequence + number & 0xFFFF, timestamp, ssrc, extension, payload)
            length[0] = head_bytes + len(payload)
            if protect(keys, room + at, length):
                raise ConnectionError("the packet could not be encrypted")
            at += length[0]
            packet_bytes = packet_bytes or at
        self._send(view[:at], packet_bytes)

    def write_rtcp(self, packet: bytes) -> None:
        """Send RTCP; raises ConnectionError where there is no connection."""
        pair = self._nominated.get(1)
        if pair is None or pair is not self._pair:
            self._find_way(pair)
        self._transport.sendto(self._session.protect_rtcp(packet), self._address)

    def _find_way(self, pair: CandidatePair | None) -> None:
        self._session = self._dtls._tx_srtp
        if pair is None or self._session is None:
            raise ConnectionError("not connected")
        self._pair, self._transport, self._address = pair, pair.protocol.transport, pair.remote_addr
        self._keys = self._session._srtp[0]
        asyncio_socket: Any = self._transport.get_extra_info("socket")  # none where TURN is the road
        self._socket = asyncio_socket._sock if asyncio_socket is not None and sys.platform == "linux" else None

    def _send(self, packets: memoryview, packet_bytes: int) -> None:
        if len(packets) > packet_bytes and self._socket is not None:
            try:
                _send_segments(self._socket, packets, packet_bytes, self._address)
            except OSError as error:
                if error.errno in _NO_SEGMENTS:
                    self._socket = None
            else:
                return
        for at in range(0, len(packets), packet_bytes):
            self._transport.sendto(bytes(packets[at : at + packet_bytes]), self._address)


def _send_segments(sock: socket.socket, packets: memoryview, packet_bytes: int, address: tuple[str, int]) -> None:
    """All in one call: each of `packet_bytes`, the last may be smaller."""
    sock.sendmsg((packets,), _cut(packet_bytes), 0, address)


@lru_cache
def _cut(packet_bytes: int) -> list[tuple[int, int, bytes]]:
    """What tells the kernel where to cut."""
    return [(int(socket.IPPROTO_UDP), _UDP_SEGMENT, packet_bytes.to_bytes(2, sys.byteorder))]


@lru_cache
def _packet(extension_bytes: int) -> struct.Struct:
    """RTP's fixed header, the extension, and a payload, with zeros after it up to the most that a packet takes."""
    return struct.Struct(f"!BBHII{extension_bytes}s{_PACKET_BYTES_MAX - _HEADER_BYTES - extension_bytes}s")
