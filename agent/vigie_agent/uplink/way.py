"""How the kernel would reach an address, in the words of rtnetlink(7), RFC 3549: one question, one answer.

`question(peer)` is sent over an AF_NETLINK socket, `answer(datagram)` reads what comes back. No I/O here.
"""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

RTM_GETROUTE: Final = 26
RTM_NEWROUTE: Final = 24
_REQUEST: Final = 1
_DESTINATION, _INTERFACE, _GATEWAY, _SOURCE, _VIA = 1, 4, 5, 7, 18
_REACHABLE: Final = (1, 2)
"""RTN_UNICAST, RTN_LOCAL; the others drop or refuse."""
_HEADER: Final = struct.Struct("=IHHII")
_ROUTE: Final = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ALIGNED: Final = 4


@dataclass(frozen=True, slots=True)
class Way:
    """Whence, over which interface and by whom a packet would leave now."""

    source: str
    interface: int
    gateway: str
    """Empty where the address is on the link itself."""


def question(address: str) -> bytes:
    """Which way leads to it (IPv4 or IPv6)?"""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    raw = socket.inet_pton(family, address.partition("%")[0])
    route = _ROUTE.pack(family, len(raw) * 8, 0, 0, 0, 0, 0, 0, 0)
    body = route + _ATTRIBUTE.pack(_ATTRIBUTE.size + len(raw), _DESTINATION) + raw
    return _HEADER.pack(_HEADER.size + len(body), RTM_GETROUTE, _REQUEST, 1, 0) + body


def answer(datagram: bytes) -> Way | None:
    """What the kernel said; None where no way leads there, or it said something else."""
    if len(datagram) < _HEADER.size + _ROUTE.size:
        return None
    length, kind, *_rest = _HEADER.unpack_from(datagram)
    route = _ROUTE.unpack_from(datagram, _HEADER.size)
    if kind != RTM_NEWROUTE or length > len(datagram) or route[7] not in _REACHABLE:
        return None
    said = dict(_attributes(datagram[_HEADER.size + _ROUTE.size : length]))
    source, interface = _address(said.get(_SOURCE, b"")), said.get(_INTERFACE, b"")
    if not source or len(interface) != 4:
        return None
    gateway = _address(said.get(_GATEWAY, b"")) or _address(said.get(_VIA, b"")[2:])
    return Way(source, int(struct.unpack("=I", interface)[0]), gateway)


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size or at + length > len(data):
            return
        yield kind, data[at + _ATTRIBUTE.size : at + length]
        at += -(-length // _ALIGNED) * _ALIGNED


def _address(raw: bytes) -> str:
    family = {4: socket.AF_INET, 16: socket.AF_INET6}.get(len(raw))
    return "" if family is None else socket.inet_ntop(family, raw)
