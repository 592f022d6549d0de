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

PACKETS_MAX: Final = 48
"""In one call; 64 are allowed, and 64 KiB."""
_SLOT_BYTES: Final = 2048
_PACKET_BYTES_MAX: Final = 1800
"""Leaves room for the 144 bytes that libsrtp may append."""
_HEADER_BYTES: Final = 12
_VERSION: Final = 2 << 6
_HAS_EXTENSION: Final = 1 << 4
_UDP_SEGMENT: Final = 103
_NO_SEGMENTS: Final = frozenset((errno.EINVAL, errno.EIO, errno.EMSGSIZE, errno.EOPNOTSUPP, errno.ENOPROTOOPT))


class _Scratch(threading.local):
    """Where packets are written; one for each thread, so that it stays in the processor's cache."""

    def __init__(self) -> None:
        self.room = ffi.new("char[]", PACKETS_MAX * _SLOT_BYTES)
        self.slots = [self.room + slot * _SLOT_BYTES for slot in range(PACKETS_MAX)]
        self.view = memoryview(ffi.buffer(self.room))
        self.length = ffi.new("int *")


_scratch = _Scratch()


class RtpWriter:
    """Writes to one peer, by the keys and the way that its DTLS and ICE transports agreed on."""

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._dtls = dtls
        self._segments = sys.platform == "linux"

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
        first = _VERSION | (_HAS_EXTENSION if extension else 0)
        last = len(payloads) - 1 if ends_frame else -1
        keys = self._keys()
        view, length, slots, protect = _scratch.view, _scratch.length, _scratch.slots, lib.srtp_protect
        body = _HEADER_BYTES + len(extension)
        for start in range(0, len(payloads), PACKETS_MAX):
            lengths: list[int] = []
            size = at = 0
            for number, payload in enumerate(payloads[start : start + PACKETS_MAX], start):
                if len(payload) != size:
                    size = len(payload)
                    pack_into = _packet(len(extension), size).pack_into
                kind = payload_type | 0x80 if number == last else payload_type
                pack_into(view, at, first, kind, sequence + number & 0xFFFF, timestamp, ssrc, extension, payload)
                length[0] = body + size
                if protect(keys, slots[number - start], length):
                    raise ConnectionError("the packet could not be encrypted")
                lengths.append(length[0])
                at += _SLOT_BYTES
            self._send(lengths)

    def write_rtcp(self, packet: bytes) -> None:
        """Send RTCP; raises ConnectionError where there is no connection."""
        pair = self._pair()
        if self._dtls._tx_srtp is None:
            raise ConnectionError("there are no keys yet")
        pair.protocol.transport.sendto(self._dtls._tx_srtp.protect_rtcp(packet), pair.remote_addr)

    def _keys(self) -> Any:
        session = self._dtls._tx_srtp
        if session is None:
            raise ConnectionError("there are no keys yet")
        return session._srtp[0]

    def _pair(self) -> CandidatePair:
        pair = self._dtls.transport._connection._nominated.get(1)
        if pair is None:
            raise ConnectionError("not connected")
        return pair

    def _send(self, lengths: list[int]) -> None:
        pair = self._pair()
        transport: Any = pair.protocol.transport
        asyncio_socket = transport.get_extra_info("socket")
        slot = 0
        while slot < len(lengths):
            count = _run(lengths, slot) if self._segments and asyncio_socket is not None else 1
            slots = [_scratch.view[at : at + size] for at, size in _places(lengths, slot, count)]
            if count == 1 or not self._send_segments(asyncio_socket._sock, slots, pair.remote_addr):
                for packet in slots:
                    transport.sendto(bytes(packet), pair.remote_addr)
            slot += count

    def _send_segments(self, sock: socket.socket, packets: list[memoryview], address: tuple[str, int]) -> bool:
        size = struct.pack("=H", len(packets[0]))
        try:
            sock.sendmsg(packets, [(socket.IPPROTO_UDP, _UDP_SEGMENT, size)], 0, address)
        except OSError as error:
            self._segments = error.errno not in _NO_SEGMENTS
            return False
        return True


@lru_cache(4096)
def _packet(extension_bytes: int, payload_bytes: int) -> struct.Struct:
    """RTP's fixed header, the extension, and the payload."""
    if _HEADER_BYTES + extension_bytes + payload_bytes > _PACKET_BYTES_MAX:
        raise ValueError(f"an RTP payload of {payload_bytes} bytes is too long")
    return struct.Struct(f"!BBHII{extension_bytes}s{payload_bytes}s")


def _run(lengths: list[int], slot: int) -> int:
    """How many packets from `slot` on have its size; one smaller may end them."""
    size = lengths[slot]
    end = slot + 1
    while end < len(lengths) and lengths[end] == size:
        end += 1
    return end + (end < len(lengths) and lengths[end] < size) - slot


def _places(lengths: list[int], slot: int, count: int) -> list[tuple[int, int]]:
    return [(number * _SLOT_BYTES, lengths[number]) for number in range(slot, slot + count)]
