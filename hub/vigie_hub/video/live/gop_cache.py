"""The pictures since the last keyframe, so that a viewer who comes later, or lost one, starts at once; without I/O."""

from collections.abc import Iterator
from typing import Final

from vigie_shared.rtc.reassembly import ReceivedFrame

BYTES_MAX: Final = 8 * 1024**2
FRAMES_MAX: Final = 1000
STEP_TICKS: Final = 90
"""1 ms: what is made up for is decoded as fast as can be."""
TIMESTAMPS: Final = 1 << 32


class GopCache:
    """Holds payloads by reference. A group of pictures that is too large is not held: viewers wait for the next one."""

    def __init__(self) -> None:
        self._frames: list[ReceivedFrame] = []
        self._bytes = 0

    def feed(self, frame: ReceivedFrame) -> None:
        """The newest picture."""
        if frame.is_keyframe:
            self._frames, self._bytes = [], 0
        elif not self._frames:
            return
        self._frames.append(frame)
        self._bytes += sum(map(len, frame.payloads))
        if self._bytes > BYTES_MAX or len(self._frames) > FRAMES_MAX:
            self.clear()

    def clear(self) -> None:
        """What follows does not continue what is held."""
        self._frames, self._bytes = [], 0

    def burst(self) -> Iterator[ReceivedFrame]:
        """All pictures held, 1 ms apart, the newest with its own timestamp: what follows it needs no other clock."""
        newest = self._frames[-1].timestamp if self._frames else 0
        for number, frame in enumerate(self._frames):
            behind = (len(self._frames) - 1 - number) * STEP_TICKS
            yield ReceivedFrame(frame.payloads, (newest - behind) % TIMESTAMPS, frame.is_keyframe)

    def again(self) -> Iterator[ReceivedFrame]:
        """All pictures held, one tick apart, right after the newest: for a viewer who could not decode it."""
        newest = self._frames[-1].timestamp if self._frames else 0
        for number, frame in enumerate(self._frames, start=1):
            yield ReceivedFrame(frame.payloads, (newest + number) % TIMESTAMPS, frame.is_keyframe)
