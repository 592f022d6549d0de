"""A share for each agent: what one sends beyond it is left on its side, so that it delays nobody else. Sans I/O."""

from dataclasses import dataclass
from typing import Final

MESSAGES_PER_SECOND: Final = 200.0
MESSAGES_BURST: Final = 1500.0
BYTES_PER_SECOND: Final = 1e6
"""40,000 plate reads: a backlog over 8 Mbit/s is within it."""
BYTES_BURST: Final = 8e6
_AGENTS_MAX: Final = 20_000


@dataclass(slots=True)
class _Bucket:
    messages: float
    bytes: float
    at_seconds: float


class Shares:
    """Two buckets an agent, of messages and of bytes, that fill with time."""

    def __init__(self) -> None:
        self._buckets: dict[str, _Bucket] = {}

    def take(self, agent_id: str, size_bytes: int, now_seconds: float) -> bool:
        """Whether a message of that size is within the agent's share."""
        bucket = self._buckets.get(agent_id)
        if bucket is None:
            if len(self._buckets) >= _AGENTS_MAX:
                self._buckets.pop(next(iter(self._buckets)))
            bucket = self._buckets[agent_id] = _Bucket(MESSAGES_BURST, BYTES_BURST, now_seconds)
        passed = max(0.0, now_seconds - bucket.at_seconds)
        bucket.messages = min(MESSAGES_BURST, bucket.messages + passed * MESSAGES_PER_SECOND)
        bucket.bytes = min(BYTES_BURST, bucket.bytes + passed * BYTES_PER_SECOND)
        bucket.at_seconds = now_seconds
        if bucket.messages < 1 or bucket.bytes < size_bytes:
            return False
        bucket.messages -= 1
        bucket.bytes -= size_bytes
        return True
