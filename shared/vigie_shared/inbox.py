"""What came from the other side and nobody took yet. Whoever waits hears at once when that side is gone."""

import asyncio
import contextlib
from collections import deque

from vigie_shared.errors import TransferError


class Inbox:
    """Filled by callbacks, emptied by one task."""

    def __init__(self, messages_max: int, gone: str) -> None:
        """`gone`: what to say to whoever waits for more after the end."""
        self._messages_max = messages_max
        self._gone = gone
        self._messages: deque[str | bytes] = deque()
        self._stirred = asyncio.Event()
        self.is_closed = False

    def put(self, message: str | bytes) -> None:
        """A message came. With more than `messages_max` of them the other side floods us: that is the end."""
        if len(self._messages) >= self._messages_max:
            self.close()
            return
        self._messages.append(message)
        self._stirred.set()

    def close(self) -> None:
        """Nothing more will come."""
        self.is_closed = True
        self._stirred.set()

    def stir(self) -> None:
        """Something else changed that may be waited for."""
        self._stirred.set()

    async def stirred(self, seconds: float, complaint: str) -> None:
        """Wait for a message or a change; raises TransferError after `seconds`, or where nothing more will come."""
        if not self.is_closed:
            await self._wait(seconds, complaint)
        if self.is_closed:
            raise TransferError(self._gone)

    async def next(self, seconds: float, complaint: str) -> str | bytes:
        """The next message; raises as `stirred`, once all that came is taken."""
        while not self._messages:
            if self.is_closed:
                raise TransferError(self._gone)
            await self._wait(seconds, complaint)
        return self._messages.popleft()

    async def all(self, seconds: float, complaint: str) -> list[str | bytes]:
        """What is there, one message at the least; raises as `stirred`."""
        first = await self.next(seconds, complaint)
        messages = [first, *self._messages]
        self._messages.clear()
        return messages

    async def closed(self, seconds: float) -> None:
        """Wait for the end, no longer than that, whatever else comes."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self.is_closed:
                    self._stirred.clear()
                    await self._stirred.wait()

    async def _wait(self, seconds: float, complaint: str) -> None:
        self._stirred.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._stirred.wait()
        except TimeoutError as error:
            raise TransferError(complaint.format(seconds=seconds)) from error
