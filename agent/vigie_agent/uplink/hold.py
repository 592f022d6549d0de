"""How long to hold back after nats-server refused, or did not confirm: a share of the time for which it has not.

A cluster's election lasts seconds, a full stream hours. Doubling waits would have an agent sleep for as long again as
the election took; so a try comes when a seventh of the time has passed once more, and the rare one costs few bytes.
"""

import random
from collections.abc import Callable
from typing import Final

SHARE: Final = 0.15


class Hold:
    """Seconds to wait before the next try, by the time that has passed since the first refusal."""

    def __init__(self, seconds_min: float, seconds_max: float, chance: Callable[[], float] = random.random) -> None:
        self._seconds_min = seconds_min
        self._seconds_max = seconds_max
        self._chance = chance
        self._since_seconds: float | None = None

    def next_seconds(self, now_seconds: float) -> float:
        """Between half of the step and the whole of it."""
        if self._since_seconds is None:
            self._since_seconds = now_seconds
        passed_seconds = now_seconds - self._since_seconds
        step_seconds = min(self._seconds_max, max(self._seconds_min, SHARE * passed_seconds))
        return step_seconds * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        """It was taken: start small again."""
        self._since_seconds = None
