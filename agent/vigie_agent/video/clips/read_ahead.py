"""Reads a clip for whoever sends it: in large pieces, and the next one while the last one leaves."""

import asyncio
from collections.abc import Callable
from typing import Final

READ_BYTES: Final = 1024 * 1024
"""At a time: the store reads and verifies whole segments, so little pieces cost as much."""


class ReadAhead:
    """`close` it in the end."""

    def __init__(self, clip_bytes: int, read: Callable[[int, int], bytes]) -> None:
        """`read` is called in threads, with an offset and a length."""
        self._clip_bytes = clip_bytes
        self._read = read
        self._first, self._data = 0, b""
        """What was read last, and where in the clip it begins."""
        self._next: tuple[int, asyncio.Task[bytes]] | None = None

    async def some(self, start: int, most: int) -> bytes:
        """Bytes from `start` on, `most` of them or fewer; raises as `read`."""
        if not self._first <= start < self._first + len(self._data):
            await self._go_to(start)
        at = start - self._first
        return self._data[at : at + most]

    async def close(self) -> None:
        """Leave what is being read; its thread ends by itself."""
        if self._next is not None:
            self._next[1].cancel()
            await asyncio.gather(self._next[1], return_exceptions=True)
            self._next = None

    async def _go_to(self, start: int) -> None:
        is_in_turn = start == self._first + len(self._data)
        if self._next is not None and self._next[0] == start:
            reading, self._next = self._next[1], None
            self._data = await reading
        else:
            await self.close()
            self._data = await asyncio.to_thread(self._read, start, min(READ_BYTES, self._clip_bytes - start))
        self._first = start
        following = start + len(self._data)
        if is_in_turn and following < self._clip_bytes:  # who asks here and there wants no more of it
            length = min(READ_BYTES, self._clip_bytes - following)
            self._next = (following, asyncio.create_task(asyncio.to_thread(self._read, following, length)))
