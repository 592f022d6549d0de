"""Decoding times for pictures that say only when they are shown, as RTP does: B-frames come out of order."""

from collections import deque
from heapq import heappop, heappush
from typing import Final

STEP_SECONDS_MAX: Final = 1.0
"""Pictures that belong together are shown at most so far from each other."""
REORDER_FRAMES_MAX: Final = 16
REORDER_FRAMES_BELIEVED: Final = 2


class DecodingOrder:
    """Gives each presentation time, in ticks, a decoding time that rises and is never above it."""

    def __init__(self, clock_hz: int) -> None:
        self._step_max = round(STEP_SECONDS_MAX * clock_hz)
        self._frame = clock_hz // 25
        self._depth = 0
        self._depth_max = REORDER_FRAMES_MAX
        self._waiting: list[int] = []
        self._newest: int | None = None
        self._recent: deque[int] = deque(maxlen=REORDER_FRAMES_MAX)
        self._last: int | None = None
        self.has_b_frames = False
        """Whether pictures came out of order."""

    def limit(self, reorder_frames_max: int | None) -> None:
        """What the sequence parameter set allows: a small number is believed, a large one is only a bound."""
        self._depth_max = REORDER_FRAMES_MAX if reorder_frames_max is None else reorder_frames_max
        allowed = self._depth_max if self._depth_max <= REORDER_FRAMES_BELIEVED else 0
        self._depth = max(min(self._depth, self._depth_max), allowed)

    def resume(self) -> None:
        """The source starts anew; what was learnt of its order still holds."""
        self._restart()

    def decoding_ticks(self, shown_ticks: int) -> int:
        """When the picture shown at `shown_ticks` is decoded."""
        if self._newest is None or abs(shown_ticks - self._newest) > self._step_max:
            self._restart()
        elif shown_ticks < self._newest:
            self._learn(sum(1 for ticks in self._recent if ticks > shown_ticks))
        elif shown_ticks > self._newest and not self._depth:
            self._frame = shown_ticks - self._newest
        self._recent.append(shown_ticks)
        self._newest = shown_ticks if self._newest is None else max(shown_ticks, self._newest)
        if not self._depth:
            return shown_ticks
        if not self._waiting:
            for before in range(self._depth, 0, -1):
                heappush(self._waiting, shown_ticks - before * self._frame)
        heappush(self._waiting, shown_ticks)
        ticks = heappop(self._waiting)
        if self._last is not None and ticks <= self._last:
            ticks = min(self._last + 1, shown_ticks)
        self._last = ticks
        return ticks

    def _learn(self, depth: int) -> None:
        self.has_b_frames |= self._depth_max > 0
        if self._depth < min(depth, self._depth_max):
            self._depth = min(depth, self._depth_max)
            self._waiting.clear()

    def _restart(self) -> None:
        self._waiting.clear()
        self._recent.clear()
        self._newest = self._last = None
