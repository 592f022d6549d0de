"""Pulls the messages of a durable: the next ones are on their way while those before are being stored.

What nats-py's `fetch` does with a task and a timer a message, this does with one callback. Whatever has come by the
time that it is asked for is handed over together. So a hub that has nothing to do stores at once, and a busy one stores
much in one transaction.
"""

import asyncio
import json
from types import TracebackType
from typing import Final, Self

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext

_NEXT: Final = "$JS.API.CONSUMER.MSG.NEXT"
_NANOSECONDS: Final = 1_000_000_000
REQUEST_BYTES_MAX: Final = 12 * 1024**2
"""Two requests of two durables wait for the hub at the most, and nats-server cuts whom it has more for than
`bus.configuration.PENDING_BYTES_MAX`."""
_GRACE_SECONDS: Final = 0.5
"""An answer to a request that has expired may be this late."""


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
        self._something = asyncio.Event()
        self._open = 0
        """Messages that were asked for and have not come."""
        self._refused = ""

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(self._inbox, cb=self._came)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What came and was not taken goes back, to come again at once."""
        if not self._client.is_connected:
            return
        await self._subscription.unsubscribe()
        for message in self._arrived:
            await message.nak()

    async def fetch(self) -> list[Msg]:
        """All that has come, as soon as there is any, `messages_max` at the most.

        Raises TimeoutError where nothing came in time, and nats.errors.Error where the server refuses.
        """
        if not self._arrived:
            await self._ask()
            self._something.clear()
            try:
                async with asyncio.timeout(self._wait_seconds + _GRACE_SECONDS):
                    await self._something.wait()
            except TimeoutError:
                self._open = 0
                raise
        if self._refused:
            refused, self._refused = self._refused, ""
            raise nats.errors.Error(refused)
        taken, self._arrived = self._arrived[: self._most], self._arrived[self._most :]
        if not taken:
            raise TimeoutError("nothing came")
        await self._ask()
        return taken

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
        why = (message.headers or {}).get("Description", "").strip().split("\n")[0]
        if status != "100" and why.lower() != "batch completed":  # which is said where bytes are bounded
            self._open = 0
            if status not in ("404", "408") and "maxbytes" not in why.lower():  # none is there, none came, no more fit
                self._refused = self._refused or f"{status} {why}"
            self._something.set()
