"""How many events go into a batch of a given size; sans I/O. What compresses well is learnt from batch to batch."""

from collections.abc import Callable, Sequence
from typing import Final

from vigie_agent.store import OutboxRow
from vigie_shared.events import LANES, Lane

FIXED_BYTES: Final = 64
"""What a batch costs however small it is."""
LEARNING: Final = 0.5
CAUTION: Final = 0.95


class Packer:
    """Knows by how much the events of each lane shrink."""

    def __init__(self) -> None:
        self._ratio: dict[Lane, float] = dict.fromkeys(LANES, 1.0)
        self._row_bytes: dict[Lane, float] = dict.fromkeys(LANES, 400.0)

    def expected_bytes(self, lane: Lane, events: int) -> int:
        """What so many events will take, in batches."""
        return int(events * self._row_bytes[lane] * self._ratio[lane])

    def pack(
        self, lane: Lane, rows: Sequence[OutboxRow], limit_bytes: int, encode: Callable[[Sequence[OutboxRow]], bytes]
    ) -> tuple[int, bytes]:
        """How many of `rows` fit into `limit_bytes`, one at least, and what they are encoded."""
        count = self._guess(lane, rows, limit_bytes)
        while True:
            payload = encode(rows[:count])
            self._learn(lane, rows[:count], len(payload))
            if count == 1 or len(payload) <= limit_bytes:
                return count, payload
            count = max(1, min(count - 1, int(count * CAUTION * limit_bytes / len(payload))))

    def _guess(self, lane: Lane, rows: Sequence[OutboxRow], limit_bytes: int) -> int:
        total = float(FIXED_BYTES)
        for count, row in enumerate(rows):
            total += row.size_bytes * self._ratio[lane]
            if total > limit_bytes:
                return max(1, count)
        return len(rows)

    def _learn(self, lane: Lane, rows: Sequence[OutboxRow], packed_bytes: int) -> None:
        plain = sum(row.size_bytes for row in rows)
        ratio = max(0.0, packed_bytes - FIXED_BYTES) / plain
        self._ratio[lane] += LEARNING * (ratio - self._ratio[lane])
        self._row_bytes[lane] += LEARNING * (plain / len(rows) - self._row_bytes[lane])
