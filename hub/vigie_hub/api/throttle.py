"""Slows down those who guess passwords: each failure after the first few doubles the wait."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

DELAY_SECONDS_MAX: Final = 300.0
FORGET_SECONDS: Final = 3600.0
ENTRIES_MAX: Final = 4096


@dataclass
class _Failures:
    count: int
    next_at_seconds: float


class Throttle:
    """Counts attempts by key; one counts as failed until `succeeded`. Times are monotonic seconds."""

    def __init__(self, free_attempts: int, entries_max: int = ENTRIES_MAX) -> None:
        self._free_attempts = free_attempts
        self._entries_max = entries_max
        self._failures: dict[Hashable, _Failures] = {}

    def wait_seconds(self, key: Hashable, now_seconds: float) -> float:
        """How long `key` must wait before its next attempt."""
        failures = self._failures.get(key)
        return max(0.0, failures.next_at_seconds - now_seconds) if failures else 0.0

    def attempted(self, key: Hashable, now_seconds: float) -> None:
        """Count an attempt, before its outcome is known, so that attempts side by side count too."""
        failures = self._failures.get(key)
        if failures is None or now_seconds - failures.next_at_seconds > FORGET_SECONDS:
            self._make_room()
            failures = self._failures[key] = _Failures(0, now_seconds)
        failures.count += 1
        excess = failures.count - self._free_attempts
        delay_seconds = min(DELAY_SECONDS_MAX, 2.0 ** min(excess, 30)) if excess >= 0 else 0.0
        failures.next_at_seconds = now_seconds + delay_seconds

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)

    def _make_room(self) -> None:
        """Forget those with the fewest failures first: a flood of new names does not free a known guesser."""
        while len(self._failures) >= self._entries_max:
            fewest = min(
                self._failures, key=lambda key: (self._failures[key].count, self._failures[key].next_at_seconds)
            )
            del self._failures[fewest]
