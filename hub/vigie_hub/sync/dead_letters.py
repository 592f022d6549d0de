"""Dead letters: batches that can never be taken, kept for whoever wants to know why.

Their events count as missing, so that the lane goes on without them; should they come again in order, they are taken.
"""

import sqlite3
from typing import Final

from vigie_hub.sync.arrivals import Refusal
from vigie_hub.sync.lanes import Lanes

KEPT: Final = 1000
"""So many are kept, of all agents together, the newest."""
KEPT_PER_AGENT: Final = 50
"""So many of one agent: a rogue pushes out its own, nobody else's."""
PAYLOAD_BYTES_MAX: Final = 64 * 1024
AHEAD_MAX: Final = 100_000
"""A claim further ahead of the watermark than this is noise: believed, it would hide what is still to come."""


def bury(connection: sqlite3.Connection, refusal: Refusal, lanes: Lanes, now: str) -> bool:
    """Keep what was refused, and pass over the events that it claims to hold; False where it cannot be told which."""
    head = refusal.head
    connection.execute(
        "INSERT INTO dead_letters (agent_id, subject, epoch, first_seq, last_seq, reason, received_at, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(refusal.agent_id, refusal.subject[:200], head and head.epoch, head and head.first_seq),
            *(head and head.last_seq, refusal.reason[:500], now, refusal.payload[:PAYLOAD_BYTES_MAX]),
        ),
    )
    connection.execute(
        "DELETE FROM dead_letters WHERE agent_id = ?1 AND id <="
        " (SELECT id FROM dead_letters WHERE agent_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
        (refusal.agent_id, KEPT_PER_AGENT),
    )
    connection.execute(
        "DELETE FROM dead_letters WHERE id <= (SELECT id FROM dead_letters ORDER BY id DESC LIMIT 1 OFFSET ?)", (KEPT,)
    )
    if head is None or refusal.lane is None:
        return False
    state = lanes[refusal.agent_id, head.epoch, refusal.lane]
    if head.first_seq > state.watermark + AHEAD_MAX:
        return False
    state.give_up(head.first_seq, head.last_seq, now)
    return True
