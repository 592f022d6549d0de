"""A share for each agent: what one sends beyond it is left on its side, so that it delays nobody else. Sans I/O."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an agent may send for long, and at once after a silence."""

    messages_per_second: float
    messages_burst: float
    bytes_per_second: float
    bytes_burst: float


OTHERS: Final = Allowance(200.0, 1500.0, 1e6, 8e6)
"""40,000 plate reads a second: a backlog over 8 Mbit/s is within it."""
HITS: Final = Allowance(50.0, 200.0, 1e6, 4e6)
"""The hits of days without a link; of a rogue, what the hub takes in within a fraction of a second."""
_AGENTS_MAX: Final = 20_000


@dataclass(slots=True)
class _Bucket:
    messages: float
    bytes: float
    at_seconds: float


class Shares:
    """Two buckets an agent, of messages and of bytes, that fill with time."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowed = allowance
        self._buckets: dict[str, _Bucket] = {}

    def take(self, agent_id: str, size_bytes: int, now_seconds: float) -> bool:
        """Whether a message of that size is within the agent's share."""
        allowed = self._allowed
        bucket = self._buckets.get(agent_id)
        if bucket is None:
            if len(self._buckets) >= _AGENTS_MAX:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[agent_id] = _Bucket(allowed.messages_burst, allowed.bytes_burst, now_seconds)
        passed = max(0.0, now_seconds - bucket.at_seconds)
        bucket.messages = min(allowed.messages_burst, bucket.messages + passed * allowed.messages_per_second)
        bucket.bytes = min(allowed.bytes_burst, bucket.bytes + passed * allowed.bytes_per_second)
        bucket.at_seconds = now_seconds
        if bucket.messages < 1 or bucket.bytes < size_bytes:
            return False
        bucket.messages -= 1
        bucket.bytes -= size_bytes
        return True
