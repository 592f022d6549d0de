"""When the next packet may leave: the model's pace and window, the other side's buffer, and repairs. Sans I/O."""

from collections.abc import Iterable
from typing import Final

from vigie_shared.rtc.congestion_losses import Expiry, Losses, Sent
from vigie_shared.rtc.congestion_model import PACKET_BYTES, PathModel

EARLY_SECONDS: Final = 0.001
"""A timer of the event loop is no finer than this."""
CATCH_UP_SECONDS: Final = 0.02
"""What a late timer may make up for."""


class CongestionWindow:
    """Packets are numbered as in `Losses`; times are monotonic seconds. The seed decides when probes come."""

    def __init__(self, seed: int | None = None) -> None:
        self.losses = Losses()
        self.model = PathModel(seed)
        self._peer_bytes = float("inf")
        self._owed_bytes = 0.0
        self._owed_at = 0.0

    @property
    def in_flight_bytes(self) -> int:
        """On the wire, headers included."""
        return self.losses.in_flight_bytes

    def wait_seconds(self, now: float) -> float | None:
        """How long the next packet must wait for its pace: 0 if it may leave, None if only an acknowledgement helps."""
        in_flight = self.losses.in_flight_bytes
        if in_flight and in_flight + PACKET_BYTES > min(self.model.window_bytes, self._peer_bytes):
            return None
        self._settle(now)
        pace = self.model.pace
        wait = self._owed_bytes / pace if pace else 0.0
        return wait if wait > EARLY_SECONDS else 0.0

    def send(self, number: int, size: int, now: float) -> None:
        """A packet of `size` bytes on the wire leaves now."""
        self._leave(self.losses.send(number, size, now), now)

    def probe(self, number: int, size: int, now: float) -> None:
        """It leaves to make the other side speak, whatever window and pace say."""
        self._leave(self.losses.probe(number, size, now), now)

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
        self.model.lose(lost)
        if arrived:
            self.model.arrive(arrived, self.losses.in_flight_bytes, now)
        return arrived, lost

    def next_at(self) -> float | None:
        """When to call `expire`."""
        return self.losses.next_at()

    def expire(self, now: float) -> Expiry:
        """A timer's moment."""
        expiry = self.losses.expire(now)
        self.model.lose(expiry.lost)
        if expiry.is_timeout:
            self.model.stall()
            self._owed_bytes = 0.0
        return expiry

    def _leave(self, sent: Sent, now: float) -> None:
        self.model.send(sent, self.losses.in_flight_bytes - sent.size)
        self._settle(now)
        self._owed_bytes += sent.size

    def _settle(self, now: float) -> None:
        pace = self.model.pace
        if pace is None:
            self._owed_bytes = 0.0
        else:
            self._owed_bytes = max(self._owed_bytes - pace * (now - self._owed_at), -pace * CATCH_UP_SECONDS)
        self._owed_at = now
