"""The hub's connection to nats-server: logs in with a fresh token each time, and comes back for ever."""

import asyncio
import random
import ssl
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import structlog
from nats.aio.client import Client, Server

from vigie_hub.bus.login import Login

log = structlog.get_logger(__name__)
RETRY_SECONDS: Final = (0.2, 2.0)
"""Bounds of the pause before each attempt."""


async def _nothing() -> None: ...


def _next_server(servers: list[Server], _info: dict[str, Any]) -> tuple[Server | None, float]:
    return min(servers, key=lambda server: server.reconnects), random.uniform(*RETRY_SECONDS)  # noqa: S311


def dialled(url: str) -> str:
    """`url` as a client takes it: a server that listens everywhere is reached on this machine."""
    parts = urlsplit(url)
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(parts.hostname or "")  # noqa: S104
    return urlunsplit(parts._replace(netloc=f"{here}:{parts.port or 4222}")) if here else url


class Connection:
    """Wraps one nats-py client, which exists before it is connected."""

    def __init__(self, url: str, login: Login, context: ssl.SSLContext | None = None, *, quiet: bool = False) -> None:
        self.client = Client()
        self.on_broken: Callable[[], Awaitable[None]] = _nothing
        self.on_back: Callable[[], Awaitable[None]] = _nothing
        self._url = dialled(url)
        self._login = login
        self._context = context if self._url.startswith("tls://") else None
        self._complained = quiet

    async def connect(self) -> None:
        """Connect; tries until it succeeds, and from then on whenever the connection breaks."""
        await self.client.connect(
            self._url,
            name="vigie-hub",
            user_jwt_cb=self._login.token,
            signature_cb=self._login.answer,
            inbox_prefix=self._login.inbox_prefix,
            tls=self._context,
            tls_handshake_first=self._context is not None,
            max_reconnect_attempts=-1,
            reconnect_time_wait=1,
            reconnect_to_server_handler=_next_server,
            ping_interval=20,
            max_outstanding_pings=2,
            pending_size=-1,
            error_cb=self._failed,
            disconnected_cb=self._broke,
            reconnected_cb=self._returned,
        )
        self._complained = False
        log.info("nats_connected", url=self._url)

    async def close(self) -> None:
        """Close for good."""
        task = asyncio.current_task()
        cancelling = task.cancelling() if task else 0
        try:
            await self.client.close()
        except asyncio.CancelledError:  # also what nats-py leaves of an attempt that was under way (client.py, _close)
            if task is None or task.cancelling() > cancelling:
                raise

    async def _failed(self, error: Exception) -> None:
        """Say it once, then quietly until the link is back: nats-py calls this for each attempt."""
        level = log.debug if self._complained else log.warning
        level("nats_error", url=self._url, error=str(error) or type(error).__name__)
        self._complained = True

    async def _broke(self) -> None:
        if not self.client.is_closed:
            log.warning("nats_disconnected", url=self._url)
            self._complained = True
            await self.on_broken()

    async def _returned(self) -> None:
        self._complained = False
        log.info("nats_reconnected", url=self._url)
        await self.on_back()
