"""The body of a request, read past uvicorn: its parser and its turns of the event loop cost more than TLS does.

uvicorn keeps the connection: it wrote the head of the response, writes its end, and closes.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from vigie_shared.errors import WireError
from vigie_shared.road import Chunks, chunk

HAND_OVER: Final = "hand_over"
"""The key under which a request's `state` has `HandsOver.hand_over`."""
_BUFFER_BYTES: Final = 256 * 1024


class Intake(asyncio.BufferedProtocol):
    """Hands on what is in a chunked body, as it comes."""

    def __init__(self, on_data: Callable[[memoryview], None], on_end: Callable[[], None]) -> None:
        """`on_data` may raise WireError; `on_end` is called once or more often, at the end of the body."""
        self._on_data = on_data
        self._on_end = on_end
        self._chunks = Chunks()
        self._buffer = memoryview(bytearray(_BUFFER_BYTES))
        self._http: asyncio.Protocol
        self._transport: asyncio.Transport

    def begin(self, http: asyncio.Protocol, transport: asyncio.Transport) -> None:
        """Read from `transport` from now on; all else is left to `http`."""
        self._http = http
        self._transport = transport
        transport.set_protocol(self)

    def write(self, data: bytes) -> None:
        """Send it within the body of the response."""
        if not self._transport.is_closing():
            self._transport.write(chunk(data))

    def hold(self) -> None:
        """Read no more until `go_on`."""
        self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Where asyncio puts what comes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So much came."""
        try:
            for within in self._chunks.feed(self._buffer[:nbytes]):
                self._on_data(within)
        except WireError:
            self._on_end()
        if self._chunks.is_over:
            self._on_end()

    def eof_received(self) -> bool | None:
        """No more will come."""
        self._on_end()
        return self._http.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._on_end()
        self._http.connection_lost(exc)

    def pause_writing(self) -> None:
        """The buffer is full."""
        self._http.pause_writing()

    def resume_writing(self) -> None:
        """The buffer has room again."""
        self._http.resume_writing()


class HandsOver(H11Protocol):
    """uvicorn's connection, for applications that read a request's body themselves."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, HAND_OVER: self.hand_over}, _loop)

    def hand_over(self, intake: Intake) -> bool:
        """Before the response begins: whether the body is the caller's now. It is not where some of it came already."""
        is_whole = self.cycle.more_body and not self.cycle.body and not self.conn.trailing_data[0]
        if is_whole:
            intake.begin(self, self.transport)
        return is_whole
