"""One RTSP conversation on a non-blocking socket: name → connection → conversation → pictures.

`advance` does what can be done at once and never waits: names are resolved on a thread of their own.
"""

import contextlib
import ipaddress
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Final

from vigie_agent.rtsp.client import RtspClient
from vigie_agent.rtsp.errors import ProtocolError
from vigie_agent.rtsp.location import Location
from vigie_agent.rtsp.pictures import Picture

RECEIVE_BYTES: Final = 1024**2
"""Asked of the kernel where it may give it: 200 ms of a camera at 20 Mbit/s, twice."""
READ_BYTES: Final = 256 * 1024
READS_MAX: Final = 8
"""Of one camera in one go: a camera that floods us delays the others no longer than that takes."""
_REDIRECTS_MAX: Final = 5

Endpoint = tuple[socket.AddressFamily, tuple[str, int]]


class StreamEndedError(ConnectionError):
    """The server closed the connection."""


class UnknownHostError(OSError):
    """The name has no address."""


class Connection:
    """From a location to its pictures; `close` frees everything."""

    def __init__(
        self, location: Location, selector: selectors.BaseSelector, wake: Callable[[], None], *, attempt: int = 0
    ) -> None:
        """`attempt` counts: a host with several addresses is tried at the next one each time."""
        self._selector = selector
        self._wake = wake
        self._attempt = attempt
        self._redirects = 0
        self._socket: socket.socket | None = None
        self._events = 0
        self._is_connected = False
        self._unsent = b""
        self._kept_alive_at_seconds = 0.0
        self._begin(location)

    def _begin(self, location: Location) -> None:
        self._location = location
        self._names = _Names(location, self._wake)
        self.client = RtspClient(location)

    def close(self) -> None:
        """Leave; says so where that needs no waiting."""
        if self._socket is None:
            return
        if self._is_connected:
            self.client.tear_down()
            with contextlib.suppress(OSError):
                self._send()
        self._watch(0)
        self._socket.close()
        self._socket, self._is_connected = None, False

    def advance(self, now_seconds: float, buffer: memoryview) -> list[Picture]:
        """Go as far as possible; raises RtspError and OSError."""
        if self._socket is None:
            endpoints = self._names.found()
            if not endpoints:
                return []
            self._connect(endpoints[self._attempt % len(endpoints)])
        if not self._is_connected and not self._has_connected():
            return []
        pictures = self._receive(buffer)
        if self.client.redirect is not None:
            self._follow(self.client.redirect)
            return []
        self._keep_alive(now_seconds)
        self._send()
        self._watch(self._wanted_events())
        return pictures

    def _connect(self, endpoint: Endpoint) -> None:
        family, address = endpoint
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        if _receive_limit_bytes() >= RECEIVE_BYTES:  # Less would only switch off the kernel's own tuning.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        with contextlib.suppress(BlockingIOError):
            self._socket.connect(address)
        self._watch(selectors.EVENT_WRITE)

    def _has_connected(self) -> bool:
        assert self._socket is not None
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "connect")  # OSError picks the subclass by its number.
        try:
            self._socket.getpeername()
        except OSError:
            return False
        self._is_connected = True
        return True

    def _receive(self, buffer: memoryview) -> list[Picture]:
        assert self._socket is not None
        pictures: list[Picture] = []
        for _read in range(READS_MAX):
            try:
                size = self._socket.recv_into(buffer)
            except BlockingIOError:
                break
            if size == 0:
                raise StreamEndedError
            pictures += self.client.feed(buffer[:size])
            if size < len(buffer):
                break
        return pictures

    def _send(self) -> None:
        assert self._socket is not None
        self._unsent += self.client.outgoing()
        if not self._unsent:
            return
        if len(self._unsent) > READ_BYTES:
            raise ProtocolError("asks without listening")
        with contextlib.suppress(BlockingIOError):
            self._unsent = self._unsent[self._socket.send(self._unsent) :]

    def _keep_alive(self, now_seconds: float) -> None:
        if self.client.step != "playing":
            self._kept_alive_at_seconds = now_seconds
        elif now_seconds - self._kept_alive_at_seconds >= self.client.session_seconds / 2:
            self._kept_alive_at_seconds = now_seconds
            self.client.keep_alive()

    def _follow(self, location: Location) -> None:
        self._redirects += 1
        if self._redirects > _REDIRECTS_MAX:
            raise ProtocolError("redirects in a circle")
        self.close()
        self._unsent = b""
        self._begin(location)
        self._wake()

    # Which readiness the receiver wakes up for: while talking, not while playing.

    def _wanted_events(self) -> int:
        if self.client.step == "playing" and not self._unsent:
            return 0
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)

    def _watch(self, events: int) -> None:
        if events == self._events or self._socket is None:
            return
        if not events:
            self._selector.unregister(self._socket)
        elif not self._events:
            self._selector.register(self._socket, events, self)
        else:
            self._selector.modify(self._socket, events, self)
        self._events = events


class _Names:
    """A host's addresses: at once where it is one, from a thread where it is a name."""

    def __init__(self, location: Location, wake: Callable[[], None]) -> None:
        self._location = location
        self._wake = wake
        self._found: list[Endpoint] | OSError = []
        try:
            version = ipaddress.ip_address(location.host).version
        except ValueError:
            threading.Thread(target=self._resolve, name="resolve", daemon=True).start()
        else:
            family = socket.AF_INET if version == 4 else socket.AF_INET6
            self._found = [(family, (location.host, location.port))]

    def found(self) -> list[Endpoint]:
        """Empty until they are known; raises UnknownHostError."""
        if isinstance(self._found, OSError):
            raise UnknownHostError
        return self._found

    def _resolve(self) -> None:
        host, port = self._location.host, self._location.port
        try:
            known = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._found = [(family, (str(address[0]), port)) for family, _type, _protocol, _name, address in known]
        except (OSError, UnicodeError) as error:
            self._found = OSError(str(error))
        self._wake()


def _receive_limit_bytes() -> int:
    try:
        with open("/proc/sys/net/core/rmem_max", encoding="ascii") as file:  # noqa: PTH123
            return int(file.read())
    except (OSError, ValueError):
        return 0
