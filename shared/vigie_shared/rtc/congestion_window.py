"""When the next packet may leave: the model's pace and window, the other side's buffer, and repairs. Sans I/O."""

from collections.abc import Iterable
from typing import Final

from vigie_shared.rtc.congestion_losses import Expiry, Losses, Sent
from vigie_shared.rtc.congestion_model import PACKET_BYTES, PathModel

EARLY_SECONDS: Final = 0.001
"""A timer of the event loop is no finer than this."""
CATCH_UP_SECONDS: Final = 0.01
"""What a late timer may make up for."""


class CongestionWindow:
    """Packets are numbered as in `Losses`; times are monotonic seconds."""

    def __init__(self) -> None:
        self.losses = Losses()
        self.model = PathModel()
        self._peer_bytes = float("inf")
        self._next_at = 0.0

    @property
    def in_flight_bytes(self) -> int:
        """On the wire, headers included."""
        return self.losses.in_flight_bytes

    def wait_seconds(self, now: float) -> float | None:
        """How long the next packet must wait for its pace: 0 if it may leave, None if only an acknowledgement helps."""
        in_flight = self.losses.in_flight_bytes
        if in_flight and in_flight + PACKET_BYTES > min(self.model.window_bytes, self._peer_bytes):
            return None
        wait = self._next_at - now
        return wait if wait > EARLY_SECONDS else 0.0

    def send(self, number: int, size: int, now: float, *, is_probe: bool = False) -> None:
        """A packet of `size` bytes on the wire leaves now."""
        before = self.losses.in_flight_bytes
        self.model.send(self.losses.send(number, size, now, is_probe=is_probe), before)
        pace = self.model.pace
        if pace is not None:
            self._next_at = max(self._next_at, now - CATCH_UP_SECONDS) + size / pace

    def run_dry(self) -> None:
        """There was room, and nothing to send."""
        self.model.run_dry(self.losses.in_flight_bytes)

    def acknowledge(
        self, cumulative: int, gaps: Iterable[tuple[int, int]], peer_bytes: float, now: float
    ) -> tuple[list[Sent], list[Sent]]:
        """An acknowledgement: what it says arrived, and what is thereby known to be lost."""
        self._peer_bytes = peer_bytes
        arrived = self.losses.acknowledge(cumulative, gaps, now)
        lost = self.losses.find_lost(now)
        if arrived:
            self.model.arrive(arrived, self.losses.in_flight_bytes, now)
        return arrived, lost

    def next_at(self) -> float | None:
        """When to call `expire`."""
        return self.losses.next_at()

    def expire(self, now: float) -> Expiry:
        """A timer's moment."""
        expiry = self.losses.expire(now)
        if expiry.is_timeout:
            self.model.stall()
            self._next_at = now
        return expiry
