"""What a camera sends at the moment: frames and kilobits a second."""

from collections import deque
from typing import Final

from vigie_agent.capture.packets import Packet

WINDOW_SECONDS: Final = 5.0


class StreamRates:
    """Rates over the last `WINDOW_SECONDS` of packets."""

    def __init__(self) -> None:
        self._sizes: deque[tuple[float, int]] = deque()
        self._bytes = 0

    def feed(self, packet: Packet) -> None:
        """Count `packet`."""
        self._sizes.append((packet.position_seconds, len(packet.data)))
        self._bytes += len(packet.data)
        while self._sizes[0][0] < packet.position_seconds - WINDOW_SECONDS:
            self._bytes -= self._sizes.popleft()[1]

    def clear(self) -> None:
        """Nothing comes any more."""
        self._sizes.clear()
        self._bytes = 0

    @property
    def frames_per_second(self) -> float:
        """Frames a second, 0 until two have come."""
        return (len(self._sizes) - 1) / self._span_seconds if self._span_seconds > 0 else 0.0

    @property
    def kbps(self) -> float:
        """Kilobits a second, 0 until two packets have come."""
        if self._span_seconds <= 0:
            return 0.0
        return (self._bytes - self._sizes[0][1]) * 8 / 1000 / self._span_seconds

    @property
    def _span_seconds(self) -> float:
        return self._sizes[-1][0] - self._sizes[0][0] if len(self._sizes) > 1 else 0.0
