"""Which requests belong to one viewing, so that the audit gets one line for it and not one for each range."""

from collections.abc import Hashable
from typing import Final

VIEWING_SECONDS: Final = 60.0
VIEWINGS_MAX: Final = 1024


class Viewings:
    """Viewings that go on; a pause of `VIEWING_SECONDS` ends one. What does not fit is noted once too often."""

    def __init__(self, viewings_max: int = VIEWINGS_MAX) -> None:
        self._viewings_max = viewings_max
        self._last_at_seconds: dict[Hashable, float] = {}

    def begins(self, key: Hashable, now_seconds: float) -> bool:
        """Whether this request of `key` begins a viewing."""
        last = self._last_at_seconds.pop(key, None)
        while len(self._last_at_seconds) >= self._viewings_max:
            del self._last_at_seconds[next(iter(self._last_at_seconds))]
        self._last_at_seconds[key] = now_seconds
        return last is None or now_seconds - last > VIEWING_SECONDS
