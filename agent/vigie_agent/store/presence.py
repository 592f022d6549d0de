"""When the agent was surely there: what lies between then and its next start is a gap, and is said to be one."""

import sqlite3
from datetime import datetime

from vigie_agent.store.database import stamp


def note_alive(connection: sqlite3.Connection, now: datetime) -> None:
    """Note that the agent watches at `now`."""
    connection.execute("UPDATE meta SET alive_at = ?", (stamp(now),))


def last_alive_at(connection: sqlite3.Connection) -> datetime | None:
    """Until when the agent surely watched: its last round, or footage and events after that; None in a new store."""
    (latest,) = connection.execute(
        "SELECT max(at) FROM (SELECT alive_at AS at FROM meta UNION ALL SELECT max(ended_at) FROM clips"
        " UNION ALL SELECT max(at) FROM events)"
    ).fetchone()
    return datetime.fromisoformat(latest) if latest else None
