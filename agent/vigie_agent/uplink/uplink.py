"""The uplink: everything that needs the hub, for as long as nats-server keeps the client."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Sequence

import nats.errors
import structlog
from nats.aio.client import Client

from vigie_agent.capture.backoff import Backoff
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.publisher import Publisher
from vigie_agent.uplink.receipts import ReceiptDesk
from vigie_agent.uplink.wire import Wire
from vigie_agent.uplink.wire_bytes import CONNECT_BYTES
from vigie_shared.errors import LinkError

log = structlog.get_logger(__name__)

Service = Callable[[Client], Awaitable[None]]
"""Serves one client until it is cancelled."""


class Uplink:
    """Runs its services over one client after another."""

    def __init__(
        self,
        connection: Connection,
        publisher: Publisher,
        receipts: ReceiptDesk,
        services: Sequence[Service],
        budget: LinkBudget | None = None,
    ) -> None:
        self._budget = budget or LinkBudget.unlimited()
        self._connection = connection
        self._publisher = publisher
        self._receipts = receipts
        self._services = services
        self._backoff = Backoff(0.5, 30.0)
        receipts.on_receipt = publisher.wake
        receipts.on_halt = publisher.link_lost

    async def run(self) -> None:
        """Serve until cancelled; a client that is closed for good is followed by another."""
        while True:
            try:
                async with self._connection.open() as client:
                    self._link_up(client)
                    await self._serve(client)
            except* (LinkError, nats.errors.Error, OSError) as errors:
                log.warning("connection ended: a new one follows", reason=str(errors.exceptions[0]))
            finally:
                self._budget.is_connected = False
            await asyncio.sleep(self._backoff.next_seconds())

    async def _serve(self, client: Client) -> None:
        closed, asked = asyncio.Event(), asyncio.Event()
        self._connection.on_lost = self._link_lost
        self._connection.on_back = functools.partial(self._link_back, client)
        self._connection.on_closed = closed.set
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._receipts.run(client, asked), name="receipts")
            tasks.create_task(self._publish(client, asked), name="publisher")
            for service in self._services:
                tasks.create_task(_as_coroutine(service, client))
            await closed.wait()
            raise LinkError("nats-server closed the connection")

    async def _publish(self, client: Client, asked: asyncio.Event) -> None:
        """Send only after the hub was asked: it may have more than we remember."""
        await asked.wait()
        await self._publisher.run(client)

    def _link_up(self, client: Client) -> None:
        if (wire := Wire.of(client)) is not None:
            wire.notice_silence()
        else:
            log.debug("a dead link is noticed by pings alone")
        self._budget.is_connected = True
        self._budget.spend(CONNECT_BYTES)

    def _link_lost(self) -> None:
        self._budget.is_connected = False
        self._publisher.link_lost()
        self._publisher.wake()

    def _link_back(self, client: Client) -> None:
        self._link_up(client)
        self._receipts.link_back()
        self._publisher.wake()


async def _as_coroutine(service: Service, client: Client) -> None:
    await service(client)
