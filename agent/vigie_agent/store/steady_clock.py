"""Whether the wall clock can be believed: nothing is deleted for its age, and no hold ends, soon after it jumped."""

from datetime import datetime, timedelta
from typing import Final

JUMP: Final = timedelta(hours=1)
ABSENCE_MAX: Final = timedelta(days=30)
DOUBT_SECONDS: Final = 86_400.0


class SteadyClock:
    """Compares the wall clock with one that cannot jump; in doubt for a day after they part. No clock is read here."""

    def __init__(self, last_alive_at: datetime | None) -> None:
        self._wall = last_alive_at
        self._monotonic_seconds: float | None = None
        self._doubted_since: float | None = None

    def believes(self, wall: datetime, monotonic_seconds: float) -> bool:
        """Feed both clocks; whether ages may be counted by the first one now."""
        if self._has_jumped(wall, monotonic_seconds):
            self._doubted_since = monotonic_seconds
        elif self._doubted_since is not None and monotonic_seconds - self._doubted_since >= DOUBT_SECONDS:
            self._doubted_since = None
        self._wall, self._monotonic_seconds = wall, monotonic_seconds
        return self._doubted_since is None

    def _has_jumped(self, wall: datetime, monotonic_seconds: float) -> bool:
        if self._wall is None:
            return False
        passed = wall - self._wall
        if self._monotonic_seconds is None:  # since the last run: time has passed, but not too much
            return passed < -JUMP or passed > ABSENCE_MAX
        return abs(passed - timedelta(seconds=monotonic_seconds - self._monotonic_seconds)) > JUMP
