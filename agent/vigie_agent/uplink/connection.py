"""The connection to nats-server: this agent's credentials, patience without end, and one line per fault."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client, Server

from vigie_agent.credentials import Credentials
from vigie_agent.logs import FaultLog
from vigie_agent.uplink.returning import Returning
from vigie_agent.uplink.wire import Wire
from vigie_shared import subjects

log = structlog.get_logger(__name__)

PING_SECONDS: Final = 3600
"""Costs 200 bytes each; a dead way is noticed by the kernel (`uplink/wire.py`), from the heartbeats."""
CONNECT_SECONDS: Final = 10
RECONNECT_SECONDS_FIRST: Final = 5.0
MOVE_SECONDS: Final = 1.0
"""Where a server of a cluster is gone its agents go to the others, spread over so long: a third of a fleet of 5,000
comes no faster than all of it comes back to a single one."""
REFUSALS: Final = ("authorization violation", "authentication expired", "authentication revoked")
"""What nats-server says to a token that it takes no more."""
NO_BUFFER: Final = -1
"""nats-py must not buffer while the link is down: the outbox is the buffer."""


def _ignore() -> None: ...


class Connection:
    """Opens one client at a time; a client comes back by itself until the server closes it for good."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        reconnect_seconds_max: float,
        refused: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._credentials = credentials
        self._refused = refused
        self._returning = Returning(RECONNECT_SECONDS_FIRST, reconnect_seconds_max)
        self._client: Client | None = None
        self._urls: list[str] = []
        self._at = ""
        """Where the client is, or was when it lost the connection."""
        self._tried: set[str] = set()
        """Where it was tried since."""
        self._is_hurried = self._is_elsewhere = False
        self._link_fault = FaultLog(log)
        self._other_fault = FaultLog(log)
        self.on_lost: Callable[[], None] = _ignore
        self.on_back: Callable[[], None] = _ignore
        self.on_closed: Callable[[], None] = _ignore

    @property
    def _url(self) -> str:
        return self._credentials.membership.nats_url

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Client]:
        """A connected client, however long that takes; closed at the end."""
        client, membership = Client(), self._credentials.membership
        self._client, self._urls = client, list(membership.nats_urls)
        context = await asyncio.to_thread(self._credentials.tls_context)
        try:
            await client.connect(
                self._urls,
                name=membership.agent_id,
                user_jwt_cb=self._credentials.token,
                signature_cb=self._credentials.answer,
                tls=context,
                tls_handshake_first=context is not None,
                inbox_prefix=subjects.inbox_prefix(membership.agent_id),
                dont_randomize=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=random.uniform(1.0, 3.0),  # type: ignore[arg-type]  # noqa: S311 — no two agents in step
                reconnect_to_server_handler=self._next_server,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                pending_size=NO_BUFFER,
                error_cb=self._on_error,
                disconnected_cb=self._on_disconnected,
                reconnected_cb=self._on_reconnected,
                closed_cb=self._on_closed,
            )
            self._up("connected to nats-server")
            yield client
        finally:
            self.on_lost = self.on_back = self.on_closed = _ignore
            await client.close()

    async def redial(self, *, elsewhere: bool = False) -> None:
        """Leave the connection that there is, or the wait for one, and dial now: the network is another.

        `elsewhere`: it is the server that is gone from where it was.
        """
        client = self._client
        if client is None or not (client.is_connected or client.is_reconnecting):
            return
        waiting = client._reconnection_task
        if waiting is not None and not waiting.done():
            waiting.cancel()
            await asyncio.wait([waiting])
        if client.is_closed:
            return
        self._is_hurried, self._is_elsewhere = True, elsewhere
        client._status = Client.CONNECTED  # nats-py 2.16 leaves alone a client that waits for its next try
        if (wire := Wire.of(client)) is not None:
            wire.drop()
        await client.force_reconnect()

    def _next_server(self, servers: list[Server], _info: dict[str, object]) -> tuple[Server, float]:
        """Of a cluster, first each of the others, soon; then the one that failed least, with patience."""
        is_hurried, self._is_hurried = self._is_hurried, False
        others = [server for server in servers if server.uri.netloc not in (self._at, *self._tried)]
        here = [server for server in servers if server.uri.netloc == self._at and is_hurried and not self._is_elsewhere]
        chosen = min(here or others or servers, key=lambda server: (server.reconnects, random.random()))  # noqa: S311
        self._tried.add(chosen.uri.netloc)
        if is_hurried:
            return chosen, 0.0
        if others:
            return chosen, random.uniform(0.0, MOVE_SECONDS)  # noqa: S311
        return chosen, self._returning.next_seconds()

    def _up(self, message: str) -> None:
        self._returning.reset()
        self._tried.clear()
        if self._client is not None and self._client.connected_url is not None:
            self._at = self._client.connected_url.netloc
        if self._link_fault.standing:
            self._link_fault.clear("nats-server is back", url=self._url)
        else:
            log.info(message, url=self._url)

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if any(sign in text.lower() for sign in REFUSALS):
            if self._refused is not None:
                await self._refused()
        elif isinstance(error, OSError | TimeoutError | nats.errors.NoServersError | nats.errors.UnexpectedEOF):
            self._link_fault.report(
                "cannot reach nats-server: watching goes on and events wait; the hub named this address",
                url=self._url,
                reason=text,
            )
        else:
            self._other_fault.report("nats-server complains", url=self._url, reason=text)

    async def _on_disconnected(self) -> None:
        if self._client is not None and not self._client.is_closed:
            self._heed_new_addresses(self._client)
        self.on_lost()

    def _heed_new_addresses(self, client: Client) -> None:
        """A renewal may have named others since: a hub that moves tells so beforehand."""
        urls = list(self._credentials.membership.nats_urls)
        if urls != self._urls:
            self._urls, found = urls, [server.uri.geturl() for server in client.server_pool]
            client.set_server_pool([*urls, *(url for url in found if url not in urls)])

    async def _on_reconnected(self) -> None:
        self._up("reconnected to nats-server")
        self.on_back()

    async def _on_closed(self) -> None:
        self.on_closed()
