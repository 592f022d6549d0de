"""The connection to nats-server: this agent's key, patience without end, and one line per fault."""

import contextlib
import random
from collections.abc import AsyncIterator, Callable
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client, Server

from vigie_agent.capture.backoff import Backoff
from vigie_agent.keys import AgentKey
from vigie_agent.logs import FaultLog
from vigie_shared import subjects

log = structlog.get_logger(__name__)

PING_SECONDS: Final = 20
CONNECT_SECONDS: Final = 10
RECONNECT_SECONDS_FIRST: Final = 0.5
NO_BUFFER: Final = -1
"""nats-py must not buffer while the link is down: the outbox is the buffer."""


def _ignore() -> None: ...


class Connection:
    """Opens one client at a time; a client comes back by itself until the server closes it for good."""

    def __init__(self, url: str, agent_id: str, key: AgentKey, *, reconnect_seconds_max: float) -> None:
        self._url = url
        self._agent_id = agent_id
        self._key = key
        self._backoff = Backoff(RECONNECT_SECONDS_FIRST, reconnect_seconds_max)
        self._link_fault = FaultLog(log)
        self._other_fault = FaultLog(log)
        self.on_lost: Callable[[], None] = _ignore
        self.on_back: Callable[[], None] = _ignore
        self.on_closed: Callable[[], None] = _ignore

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Client]:
        """A connected client, however long that takes; closed at the end."""
        client = Client()
        try:
            await client.connect(
                self._url,
                name=self._agent_id,
                nkeys_seed_str=self._key.seed,
                inbox_prefix=subjects.inbox_prefix(self._agent_id),
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

    def _next_server(self, servers: list[Server], _info: dict[str, object]) -> tuple[Server, float]:
        return servers[0], self._backoff.next_seconds()

    def _up(self, message: str) -> None:
        self._backoff.reset()
        if self._link_fault.standing:
            self._link_fault.clear("nats-server is back", url=self._url)
        else:
            log.info(message, url=self._url)

    async def _on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if "authorization violation" in text.lower():
            self._link_fault.report(
                "nats-server refuses this agent's key: enrol it at the hub (vigie hub enrol), then it connects",
                url=self._url,
                public_key=self._key.public_key,
            )
        elif isinstance(error, OSError | TimeoutError | nats.errors.NoServersError | nats.errors.UnexpectedEOF):
            self._link_fault.report(
                "cannot reach nats-server: watching goes on and events wait; check hub.url if this lasts",
                url=self._url,
                reason=text,
            )
        else:
            self._other_fault.report("nats-server complains", url=self._url, reason=text)

    async def _on_disconnected(self) -> None:
        self.on_lost()

    async def _on_reconnected(self) -> None:
        self._up("reconnected to nats-server")
        self.on_back()

    async def _on_closed(self) -> None:
        self.on_closed()
