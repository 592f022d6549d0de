"""Reads that hit nothing, where the law lets nobody keep them: in memory, for their time, and nowhere else."""

import threading
from collections import deque
from typing import Final, NamedTuple

from vigie_shared.clock import Clock
from vigie_shared.events import PlateRead

_READ_BYTES: Final = 2048
"""What a read takes in memory beside its picture, rather too much than too little."""


class NonHit(NamedTuple):
    """A read and its picture, and when it must be gone by the clock that never runs backwards."""

    read: PlateRead
    crop_jpeg: bytes
    gone_at_seconds: float


class NonHits:
    """A queue that forgets; any thread may use it."""

    def __init__(self, keep_seconds: float, bytes_max: int, clock: Clock) -> None:
        self._keep_seconds = keep_seconds
        self._bytes_max = bytes_max
        self._clock = clock
        self._guard = threading.Lock()
        self._held: deque[NonHit] = deque()
        self._bytes = 0

    def put(self, read: PlateRead, crop_jpeg: bytes) -> None:
        """Hold a read for its time."""
        with self._guard:
            self._held.append(NonHit(read, crop_jpeg, self._clock.monotonic_seconds() + self._keep_seconds))
            self._bytes += _READ_BYTES + len(crop_jpeg)
            self._forget()

    def held(self) -> list[NonHit]:
        """What may still be looked at, the oldest first."""
        with self._guard:
            self._forget()
            return list(self._held)

    def forget(self) -> None:
        """Let go what must be gone by now."""
        with self._guard:
            self._forget()

    def _forget(self) -> None:
        now = self._clock.monotonic_seconds()
        while self._held and (self._held[0].gone_at_seconds <= now or self._bytes > self._bytes_max):
            self._bytes -= _READ_BYTES + len(self._held.popleft().crop_jpeg)
