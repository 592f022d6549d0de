"""The hotlist as it is now."""

import json
import sqlite3

from vigie_hub.api import cursors
from vigie_hub.api.models import HotlistEntry, Page
from vigie_hub.api.queries.plates import plate_of

_LIST = """
SELECT * FROM hotlist WHERE removed_at IS NULL AND (added_at, entry_id) < (:at, :entry_id)
ORDER BY added_at DESC, entry_id DESC LIMIT :limit
"""
_END = "~"  # sorts after every time


def list_hotlist(connection: sqlite3.Connection, *, cursor: str | None = None, limit: int = 100) -> Page[HotlistEntry]:
    """Active entries, the newest first."""
    at, entry_id = cursors.unpack(cursor, str, str) if cursor else (_END, "")
    rows = connection.execute(_LIST, {"at": at, "entry_id": entry_id, "limit": limit + 1}).fetchall()
    entries = [_entry(row) for row in rows[:limit]]
    more = cursors.pack(entries[-1].added_at, entries[-1].entry_id) if len(rows) > limit else None
    return Page(items=entries, next=more)


def find_entry(connection: sqlite3.Connection, entry_id: str) -> HotlistEntry | None:
    """The active entry of that id."""
    row = connection.execute("SELECT * FROM hotlist WHERE entry_id = ? AND removed_at IS NULL", (entry_id,)).fetchone()
    return _entry(row) if row else None


def _entry(row: sqlite3.Row) -> HotlistEntry:
    names = ("entry_id", "text", "reason", "list_id", "category", "severity", "valid_from", "valid_until")
    known = {key: row[key] for key in (*names, "added_at", "added_by")}
    return HotlistEntry(**known, rules=json.loads(row["rules"]), plate=plate_of(row["text"]))
