"""Packets kept for retransmission: aiortc keeps 128, less than one keyframe has."""

from collections import deque
from collections.abc import Sequence
from typing import Final

HISTORY_PACKETS: Final = 2048


class History:
    """The last packets of a stream, at least as many as asked for."""

    def __init__(self, packets: int = HISTORY_PACKETS) -> None:
        self._sent: deque[tuple[int, Sequence[bytes], int, bool]] = deque()
        self._wanted = packets
        self._kept = 0

    def add(self, sequence: int, payloads: Sequence[bytes], timestamp: int, ends_frame: bool) -> None:
        """Packets that left together, after those added before; payloads may be shared with other senders."""
        self._sent.append((sequence, payloads, timestamp, ends_frame))
        self._kept += len(payloads)
        while self._kept - len(self._sent[0][1]) >= self._wanted:
            self._kept -= len(self._sent.popleft()[1])

    def clear(self) -> None:
        """Keep none of them any longer."""
        self._sent.clear()
        self._kept = 0

    def find(self, sequence: int) -> tuple[bytes, int, bool] | None:
        """Payload, timestamp and marker of a packet; None where it is too old, or was never sent."""
        if not self._sent:
            return None
        first, newest, *_ = self._sent[-1]
        back = (first + len(newest) - 1 - sequence) & 0xFFFF
        if back >= self._kept:
            return None
        for _, payloads, timestamp, ends_frame in reversed(self._sent):
            if back < len(payloads):
                return payloads[len(payloads) - 1 - back], timestamp, ends_frame and back == 0
            back -= len(payloads)
        return None
