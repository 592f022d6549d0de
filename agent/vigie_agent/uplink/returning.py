"""When to come back after nats-server went away: spread over the whole of a growing span, so that a fleet is no storm.

Full jitter (aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). With spans of 5, 10, 20 and 30 seconds,
5,000 agents come at 1,000 a second at the most, and all have had two chances within half a minute.
"""

import random
from collections.abc import Callable


class Returning:
    """Seconds to wait before the next try: anything from none to the span, which doubles up to a bound."""

    def __init__(
        self, span_seconds_first: float, span_seconds_max: float, chance: Callable[[], float] = random.random
    ) -> None:
        self._first_seconds = span_seconds_first
        self._max_seconds = span_seconds_max
        self._chance = chance
        self._tries = 0

    def next_seconds(self) -> float:
        """How long to wait now."""
        span_seconds: float = min(self._max_seconds, self._first_seconds * 2 ** min(self._tries, 32))
        self._tries += 1
        return span_seconds * self._chance()

    def reset(self) -> None:
        """It worked: the next time starts small."""
        self._tries = 0
