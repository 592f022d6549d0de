"""A token bucket (RFC 2697 §3 has one of two colours): a rate with a small burst; sans I/O."""

from typing import Final

BURST_SECONDS: Final = 0.2
BURST_BYTES_MIN: Final = 1500
"""One packet always fits."""


class TokenBucket:
    """In any time `t` at most `rate · t + max(burst, largest item)` bytes are let through. No rate: all are."""

    def __init__(self, bytes_per_second: float | None, now_seconds: float) -> None:
        self._rate = bytes_per_second
        self._at = now_seconds
        self._tokens = self.burst_bytes

    @property
    def bytes_per_second(self) -> float | None:
        """The rate."""
        return self._rate

    @property
    def burst_bytes(self) -> float:
        """What may leave at once after a rest."""
        return max(BURST_BYTES_MIN, (self._rate or 0.0) * BURST_SECONDS)

    def set_rate(self, bytes_per_second: float | None, now_seconds: float) -> None:
        """From now on at another rate."""
        self._refill(now_seconds)
        self._rate = bytes_per_second
        self._tokens = min(self._tokens, self.burst_bytes)

    def ready_in_seconds(self, size: int, now_seconds: float) -> float:
        """How long until `size` bytes may leave; what is larger than the burst leaves when the bucket is full."""
        self._refill(now_seconds)
        lacking = min(size, self.burst_bytes) - self._tokens
        return 0.0 if self._rate is None or lacking <= 0 else lacking / self._rate

    def spend(self, size: int, now_seconds: float) -> None:
        """`size` bytes leave; the bucket may owe some afterwards."""
        self._refill(now_seconds)
        self._tokens -= size

    def _refill(self, now_seconds: float) -> None:
        passed = max(0.0, now_seconds - self._at)
        self._at = max(self._at, now_seconds)
        self._tokens = (
            self.burst_bytes if self._rate is None else min(self.burst_bytes, self._tokens + passed * self._rate)
        )
