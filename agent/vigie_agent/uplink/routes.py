"""The kernel's addresses and routes: hears of each change, and asks which way leads where (Linux)."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Final, Self

from vigie_agent.uplink.way import Way, answer, question

_GROUPS: Final = 0x10 | 0x40 | 0x100 | 0x400
"""RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE."""
_READ_BYTES: Final = 65_536


class Routes:
    """Two sockets: one is told, one asks."""

    def __init__(self, told: socket.socket, asking: socket.socket) -> None:
        self._told = told
        self._asking = asking

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Self]:
        """Raises OSError where this system has no rtnetlink, or does not let us ask."""
        if not hasattr(socket, "AF_NETLINK"):
            raise OSError("no rtnetlink here")
        with _netlink() as told, _netlink() as asking:
            told.bind((0, _GROUPS))
            yield cls(told, asking)

    async def changed(self) -> None:
        """Return once an address or a route has changed since the last time."""
        with contextlib.suppress(OSError):  # ENOBUFS: so much has changed that some of it was not told
            await asyncio.get_running_loop().sock_recv(self._told, _READ_BYTES)
        with contextlib.suppress(OSError):
            while self._told.recv(_READ_BYTES):
                pass

    def way_to(self, address: str) -> Way | None:
        """None where none leads there. The kernel answers within the call."""
        try:
            self._asking.send(question(address))
            return answer(self._asking.recv(_READ_BYTES))
        except OSError:
            return None


def is_here(address: str) -> bool:
    """Whether this machine has that address now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _netlink() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)  # 0: NETLINK_ROUTE
