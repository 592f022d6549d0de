"""How fast the first pictures leave, before anybody knows what the link carries; without I/O.

All pictures since the last keyframe are there at once. On a fast link they may leave so; on a slow one they fill its
queue, whatever of the keyframe was lost comes again behind them, and so does the small picture that fits. So the
keyframe's share leaves at once, and the rest is held until the other side has said what it sees of that, which takes a
round trip; from there on as TCP goes on: twice as much each round trip until something was lost, but never so slowly
that what is shown stays behind.
"""

from dataclasses import dataclass
from typing import Final

BURST_BYTES: Final = 48_000
WINDOW_BYTES: Final = 32_000
HELD_SECONDS_MAX: Final = 0.3
"""Beyond a round trip: who has said nothing by then will not, or it was lost."""
OPENING_SECONDS: Final = 1.0
"""By then the other side has said all that it sees."""
CATCH_UP_SECONDS: Final = 0.4
"""What waits has left by then, whatever the link makes of it."""
_ROUND_TRIP_SECONDS_MIN: Final = 0.01
_DOUBLINGS_MAX: Final = 10
_BITS_PER_SECOND_MIN: Final = 2e6
_BITS_PER_SECOND_MAX: Final = 60e6
"""More than this is as good as unpaced."""


@dataclass(slots=True)
class Opening:
    """One source's begin."""

    round_trip_seconds: float
    began_seconds: float
    _heard_seconds: float | None = None
    _lost_seconds: float | None = None

    @property
    def step_seconds(self) -> float:
        """How often to ask for the rate."""
        return max(self.round_trip_seconds, _ROUND_TRIP_SECONDS_MIN) / 2

    def is_over(self, now_seconds: float) -> bool:
        """Whether there is nothing to hold back any more."""
        return now_seconds - self.began_seconds >= OPENING_SECONDS

    def is_held(self, now_seconds: float) -> bool:
        """Whether nothing more may leave yet than the burst."""
        return self._heard_seconds is None and now_seconds < self._held_until

    def hear(self, now_seconds: float) -> None:
        """The other side has said what it sees."""
        if self._heard_seconds is None:
            self._heard_seconds = min(now_seconds, self._held_until)

    def lose(self, now_seconds: float) -> None:
        """Something was lost: no faster from here on."""
        if self._lost_seconds is None:
            self._lost_seconds = now_seconds

    def bits_per_second(self, now_seconds: float, queue_bytes: int) -> float | None:
        """No faster than this now, with so much waiting; None where that is as good as unpaced."""
        round_trip = max(self.round_trip_seconds, _ROUND_TRIP_SECONDS_MIN)
        heard_seconds = self._held_until if self._heard_seconds is None else self._heard_seconds
        grown_from = max(self.began_seconds, heard_seconds - round_trip)
        grown_until = now_seconds if self._lost_seconds is None else self._lost_seconds
        rate = max(8 * WINDOW_BYTES / round_trip, _BITS_PER_SECOND_MIN)
        rate *= 2 ** min(max(0.0, grown_until - grown_from) / round_trip, _DOUBLINGS_MAX)
        rate = max(rate, 8 * queue_bytes / CATCH_UP_SECONDS)
        return None if rate > _BITS_PER_SECOND_MAX else rate

    @property
    def _held_until(self) -> float:
        return self.began_seconds + self.round_trip_seconds + HELD_SECONDS_MAX
