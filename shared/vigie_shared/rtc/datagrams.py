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
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

from aioice.ice import CandidatePair
from aiortc.rtcdtlstransport import RTCDtlsTransport
from pylibsrtp._binding import ffi, lib

PACKETS_MAX: Final = 48
"""In one call; 64 are allowed, and 64 KiB."""
_PACKET_BYTES_MAX: Final = 1500
_TAG_BYTES_MAX: Final = 144
"""What libsrtp may append."""
_HEADER_BYTES: Final = 12
_VERSION: Final = 2 << 6
_HAS_EXTENSION: Final = 1 << 4
_UDP_SEGMENT: Final = 103
_NO_SEGMENTS: Final = frozenset((errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT))


class _Scratch(threading.local):
    """Where packets are written; one for each thread, so that it stays in the processor's cache."""

    def __init__(self) -> None:
        self.room = ffi.new("char[]", PACKETS_MAX * (_PACKET_BYTES_MAX + _TAG_BYTES_MAX))
        self.view = memoryview(ffi.buffer(self.room))
        self.length = ffi.new("int *")


_scratch = _Scratch()


class RtpWriter:
    """Writes to one peer, by the keys and the way that its DTLS and ICE transports agreed on."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._nominated = dtls.transport._connection._nominated
        self._pair: CandidatePair | None = None
        self._transport: Any = None
        self._socket: socket.socket | None = None

    def write(
        self,
        payloads: Sequence[bytes],
        *,
        payload_type: int,
        sequence: int,
        timestamp: int,
        ssrc: int,
        extension: bytes,
        ends_frame: bool,
    ) -> None:
        """Send packets that follow each other; `extension` is a whole header extension, or empty.

        Raises ConnectionError where there is no connection.
        """
        keys, address = self._keys(), self._address()
        room, view, length, protect = _scratch.room, _scratch.view, _scratch.length, lib.srtp_protect
        first = _VERSION | (_HAS_EXTENSION if extension else 0)
        head_bytes = _HEADER_BYTES + len(extension)
        last = len(payloads) - 1 if ends_frame else -1
        for begin, end in _runs(payloads):
            at = packet_bytes = payload_bytes = 0
            for number in range(begin, end):
                payload = payloads[number]
                if len(payload) != payload_bytes:
                    payload_bytes = len(payload)
                    pack_into = _packet(len(extension), payload_bytes).pack_into
                kind = payload_type | 0x80 if number == last else payload_type
                pack_into(view, at, first, kind, sequence + number & 0xFFFF, timestamp, ssrc, extension, payload)
                length[0] = head_bytes + payload_bytes
                if protect(keys, room + at, length):
                    raise ConnectionError("the packet could not be encrypted")
                at += length[0]
                packet_bytes = packet_bytes or at
            self._send(view[:at], packet_bytes, address)

    def write_rtcp(self, packet: bytes) -> None:
        """Send RTCP; raises ConnectionError where there is no connection."""
        self._keys()
        address = self._address()
        self._transport.sendto(self._dtls._tx_srtp.protect_rtcp(packet), address)

    def _keys(self) -> Any:
        session = self._dtls._tx_srtp
        if session is None:
            raise ConnectionError("there are no keys yet")
        return session._srtp[0]

    def _address(self) -> tuple[str, int]:
        pair = self._nominated.get(1)
        if pair is None:
            raise ConnectionError("not connected")
        if pair is not self._pair:
            self._pair, self._transport = pair, pair.protocol.transport
            asyncio_socket: Any = self._transport.get_extra_info("socket")  # none where TURN is the road
            self._socket = asyncio_socket._sock if asyncio_socket is not None and sys.platform == "linux" else None
        return pair.remote_addr

    def _send(self, packets: memoryview, packet_bytes: int, address: tuple[str, int]) -> None:
        if len(packets) > packet_bytes and self._socket is not None:
            try:
                _send_segments(self._socket, packets, packet_bytes, address)
            except OSError as error:
                if error.errno in _NO_SEGMENTS:
                    self._socket = None
            else:
                return
        for at in range(0, len(packets), packet_bytes):
            self._transport.sendto(bytes(packets[at : at + packet_bytes]), address)


def _send_segments(sock: socket.socket, packets: memoryview, packet_bytes: int, address: tuple[str, int]) -> None:
    """All in one call: each of `packet_bytes`, the last may be smaller."""
    sock.sendmsg((packets,), ((socket.IPPROTO_UDP, _UDP_SEGMENT, packet_bytes.to_bytes(2, sys.byteorder)),), 0, address)


def _runs(payloads: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """What may leave in one call: payloads of one size; one smaller may end them."""
    begin, count = 0, len(payloads)
    while begin < count:
        size, end, limit = len(payloads[begin]), begin + 1, min(count, begin + PACKETS_MAX)
        while end < limit and len(payloads[end]) == size:
            end += 1
        if end < limit and len(payloads[end]) < size:
            end += 1
        yield begin, end
        begin = end


@lru_cache(4096)
def _packet(extension_bytes: int, payload_bytes: int) -> struct.Struct:
    """RTP's fixed header, the extension, and the payload."""
    if _HEADER_BYTES + extension_bytes + payload_bytes > _PACKET_BYTES_MAX:
        raise ValueError(f"an RTP payload of {payload_bytes} bytes is too long")
    return struct.Struct(f"!BBHII{extension_bytes}s{payload_bytes}s")
