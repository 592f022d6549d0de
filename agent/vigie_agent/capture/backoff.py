"""Waits between tries: doubling, capped, and jittered so that many cameras do not come back as one."""

import random
from collections.abc import Callable


class Backoff:
    """Seconds to wait before the next try."""

    def __init__(self, first_seconds: float, seconds_max: float, chance: Callable[[], float] = random.random) -> None:
        self._first_seconds = first_seconds
        self._seconds_max = seconds_max
        self._chance = chance
        self._tries = 0

    def next_seconds(self) -> float:
        """Between half of the step and the whole of it."""
        step_seconds: float = min(self._seconds_max, self._first_seconds * 2 ** min(self._tries, 32))
        self._tries += 1
        return step_seconds * (0.5 + 0.5 * self._chance())

    def reset(self) -> None:
        """It worked: start small again."""
        self._tries = 0
