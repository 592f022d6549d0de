"""Pulls the messages of a durable: the next ones are on their way while those before are being stored.

What nats-py's `fetch` does with a task and a timer a message, this does with one callback. Whatever has come by the
time that it is asked for is handed over together. So a hub that has nothing to do stores at once, and a busy one stores
much in one transaction.
"""

import asyncio
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

log = structlog.get_logger(__name__)
_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT"
_NANOSECONDS: Final = 1_000_000_000
REQUEST_BYTES_MAX: Final = 12 * 1024**2
"""Two requests of two durables wait for the hub at the most, and nats-server cuts whom it has more for than
`bus.configuration.PENDING_BYTES_MAX`."""
_GRACE_SECONDS: Final = 0.5
"""An answer to a request that has expired may be this late."""
END_SECONDS: Final = 1.0
"""So long an end waits for a server that may be dead."""
_AGAIN_SECONDS: Final = 0.05
_LEFT: Final = "Nats-Pending-Messages"
"""How much of a request is left when nats-server ends it. It ends one unsaid whose last byte a message takes: then
nothing comes in time."""


class Pull:
    """One durable's messages; use it with `async with`.

    `messages_max` are asked for at a time, and again as soon as half of them have come. A request stands for
    `wait_seconds`: so long can a restart of nats-server, which forgets who waits, go unnoticed.
    """

    def __init__(self, client: Client, stream: str, durable: str, messages_max: int, wait_seconds: float) -> None:
        self._client = client
        self._subject = f"{_NEXT}.{stream}.{durable}"
        self._most = messages_max
        self._wait_seconds = wait_seconds
        self._inbox = client.new_inbox()
        self._subscription: Subscription
        self._arrived: list[Msg] = []
        self._taken: list[Msg] = []
        """What was handed over, but for what was acknowledged by then."""
        self._something = asyncio.Event()
        self._open = 0
        """Messages that were asked for and have not come."""
        self._refused = ""
        self._is_over = False
        """No request stands any more: nothing came in time."""

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._came)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What came and was not acknowledged goes back, to come again at once."""
        if not self._client.is_connected:
            return
        ending = asyncio.create_task(self._give_back(), name="end of a pull")
        try:
            await asyncio.wait([ending], timeout=END_SECONDS)
        finally:
            while not ending.done():  # nats-py forgets some cancellations
                ending.cancel()
                await asyncio.wait([ending], timeout=_AGAIN_SECONDS)
            if not ending.cancelled() and (refused := ending.exception()):
                log.debug("not_given_back", reason=str(refused) or type(refused).__name__)

    async def _give_back(self) -> None:
        """After what is on its way has come in."""
        try:
            await self._subscription.drain()  # type: ignore[no-untyped-call]
        finally:  # of which nats-py leaves the half where it is cut short
            self._subscription._stop_processing()
            self._client._remove_sub(self._subscription._id)
        for message in [*self._taken, *self._arrived]:
            if not message.is_acked:
                await message.nak()

    async def fetch(self) -> list[Msg]:
        """All that has come, as soon as there is any, `messages_max` at the most.

        Raises TimeoutError where nothing came in time, and nats.errors.Error where the server refuses.
        """
        if not self._arrived:
            try:
                async with asyncio.timeout(self._wait_seconds + _GRACE_SECONDS):
                    await self._wait()
            except TimeoutError:
                self._open = 0
                raise
        if self._refused:
            refused, self._refused = self._refused, ""
            raise nats.errors.Error(refused)
        taken, self._arrived = self._arrived[: self._most], self._arrived[self._most :]
        if not taken:
            raise TimeoutError("nothing came")
        self._taken = [*(message for message in self._taken if not message.is_acked), *taken]
        await self._ask()
        return taken

    async def _wait(self) -> None:
        """Until something came, or will not."""
        self._is_over = False
        while not (self._arrived or self._refused or self._is_over):
            await self._ask()
            self._something.clear()
            await self._something.wait()

    async def _ask(self) -> None:
        """Ask for more, where less than half is on its way or at hand."""
        if self._open + len(self._arrived) > self._most // 2:
            return
        expires = round(self._wait_seconds * _NANOSECONDS)
        request = {"batch": self._most, "max_bytes": REQUEST_BYTES_MAX, "expires": expires}
        self._open += self._most
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)

    async def _came(self, message: Msg) -> None:
        status = JetStreamContext.is_status_msg(message)
        if status is None:
            self._open = max(0, self._open - 1)
            self._arrived.append(message)
            self._something.set()
            return
        if status != "100":
            self._ended(status, message.headers or {})

    def _ended(self, status: str, headers: Mapping[str, str]) -> None:
        """A request is over: it was answered, nothing came in time, no more bytes fit, or it is refused."""
        why = headers.get("Description", "").strip().split("\n")[0]
        left = headers.get(_LEFT, "")
        self._open = max(0, self._open - int(left)) if left.isdecimal() else 0
        if why.lower() == "batch completed":
            return
        if status not in ("404", "408") and "maxbytes" not in why.lower():  # none is there, none came, no more fit
            self._refused = self._refused or f"{status} {why}"
        self._is_over = status in ("404", "408") and not self._open
        self._something.set()
