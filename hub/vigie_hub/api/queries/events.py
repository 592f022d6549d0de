"""Events, in the order of their arrival."""

import sqlite3

from vigie_hub.api import cursors
from vigie_hub.api.models import Event, Page
from vigie_shared.events import EVENT

_FILTER = "(:kind IS NULL OR kind = :kind) AND (:agent_id IS NULL OR agent_id = :agent_id)"
_AFTER = f"SELECT * FROM events WHERE id > :from AND {_FILTER} ORDER BY id LIMIT :limit"  # noqa: S608
_BEFORE = f"SELECT * FROM events WHERE id < :from AND {_FILTER} ORDER BY id DESC LIMIT :limit"  # noqa: S608
_END = 2**63 - 1


def list_events(
    connection: sqlite3.Connection,
    *,
    after: int | None = None,
    cursor: str | None = None,
    kind: str | None = None,
    agent_id: str | None = None,
    limit: int = 100,
) -> Page[Event]:
    """Oldest first from `after` (an id, left out itself) on; without it the newest first."""
    ascending, start = after is not None, _END if after is None else after
    if cursor is not None:
        direction, start = cursors.unpack(cursor, str, int)  # type: ignore[assignment]
        ascending = direction == "up"
    rows = connection.execute(
        _AFTER if ascending else _BEFORE,
        {"from": start, "kind": kind, "agent_id": agent_id, "limit": limit + 1},
    ).fetchall()
    events = [_event(row) for row in rows[:limit]]
    more = cursors.pack("up" if ascending else "down", events[-1].id) if len(rows) > limit else None
    return Page(items=events, next=more)


def newest_id(connection: sqlite3.Connection) -> int:
    """Id of the event that came last; 0 before the first."""
    return int(connection.execute("SELECT COALESCE(MAX(id), 0) FROM events").fetchone()[0])


def _event(row: sqlite3.Row) -> Event:
    return Event.model_construct(**{**dict(row), "body": EVENT.validate_json(row["body"])})
