"""Packets kept for retransmission: aiortc keeps 128, less than one keyframe has."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

HISTORY_PACKETS: Final = 2048


class Sent(NamedTuple):
    """Packets that left together; payloads may be shared with other senders."""

    sequence: int
    payloads: Sequence[bytes]
    timestamp: int
    ends_frame: bool


class History:
    """The last packets of a stream, at least as many as asked for."""

    def __init__(self, packets: int = HISTORY_PACKETS) -> None:
        self._sent: deque[Sent] = deque()
        self._wanted = packets
        self._kept = 0

    def add(self, sent: Sent) -> None:
        """Packets that follow those added before."""
        self._sent.append(sent)
        self._kept += len(sent.payloads)
        while self._kept - len(self._sent[0].payloads) >= self._wanted:
            self._kept -= len(self._sent.popleft().payloads)

    def clear(self) -> None:
        """Keep none of them any longer."""
        self._sent.clear()
        self._kept = 0

    def find(self, sequence: int) -> tuple[bytes, int, bool] | None:
        """Payload, timestamp and marker of a packet; None where it is too old, or was never sent."""
        if not self._sent:
            return None
        newest = self._sent[-1]
        back = (newest.sequence + len(newest.payloads) - 1 - sequence) & 0xFFFF
        if back >= self._kept:
            return None
        for sent in reversed(self._sent):
            if back < len(sent.payloads):
                number = len(sent.payloads) - 1 - back
                return sent.payloads[number], sent.timestamp, sent.ends_frame and back == 0
            back -= len(sent.payloads)
        return None
