"""Packets kept until they have been judged: those since the keyframe before the newest, and those yet to be decoded."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from vigie_agent.capture.packets import Packet

_SAME_SECONDS: Final = 0.001


class Backlog:
    """The packets are those of the pre-roll ring: holding them here costs nothing until the ring lets go of them."""

    def __init__(self, bytes_max: int) -> None:
        """`bytes_max` of packets may wait; beyond it the oldest GOP is given up, and counted."""
        self._bytes_max = bytes_max
        self._kept: deque[Packet] = deque()
        self._keyframes = 0
        self._waiting: deque[Packet] = deque()
        self._waiting_bytes = 0
        self.skipped_packets = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def keep(self, packet: Packet) -> None:
        """Hold `packet`; what is older than the keyframe before the newest goes."""
        if packet.is_discontinuity and packet.is_keyframe:
            self._kept.clear()
            self._keyframes = 0
        self._keyframes += packet.is_keyframe
        self._kept.append(packet)
        if packet.is_keyframe and self._keyframes > 2:
            self._kept.popleft()
            while not self._kept[0].is_keyframe:
                self._kept.popleft()
            self._keyframes -= 1

    def queue_kept(self, seen_until_seconds: float) -> None:
        """Let what is kept wait to be decoded, from the last keyframe shown at or before `seen_until_seconds`."""
        kept = list(self._kept)
        first = next((index for index, packet in enumerate(kept) if packet.is_keyframe), len(kept))
        for index, packet in enumerate(kept):
            if packet.is_keyframe and packet.presented_seconds <= seen_until_seconds + _SAME_SECONDS:
                first = index
        last = self._waiting[-1] if self._waiting else None
        for index, packet in enumerate(kept):
            if packet is last:
                first = index + 1  # What waits already is not queued twice.
        self._queue(kept[first:])

    def queue(self, packet: Packet) -> None:
        """Let `packet` wait."""
        if not self._waiting or self._waiting[-1] is not packet:
            self._queue([packet])

    def take(self) -> Packet:
        """The oldest that waits."""
        packet = self._waiting.popleft()
        self._waiting_bytes -= len(packet.data)
        return packet

    def forget_waiting(self) -> None:
        """Nobody needs what waits any more."""
        self._waiting.clear()
        self._waiting_bytes = 0

    def _queue(self, packets: Iterable[Packet]) -> None:
        for packet in packets:
            self._waiting.append(packet)
            self._waiting_bytes += len(packet.data)
        while self._waiting_bytes > self._bytes_max and self._waiting:
            self._skip_gop()

    def _skip_gop(self) -> None:
        while self._waiting:
            self.take()
            self.skipped_packets += 1
            if self._waiting and self._waiting[0].is_keyframe:
                return
