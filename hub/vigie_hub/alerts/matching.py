"""Matches plate reads with the hotlist: exact texts only, and never an uncertain read."""

import sqlite3

from vigie_hub.database import iso
from vigie_shared.events import PlateRead
from vigie_shared.ids import unique_id


def match(connection: sqlite3.Connection, agent_id: str, read: PlateRead) -> int:
    """Raise an alert for each active entry that `read` hits, once; returns how many are new."""
    if read.uncertain:
        return 0
    entries = connection.execute(
        "SELECT entry_id FROM hotlist WHERE text = ? AND removed_at IS NULL", (read.text,)
    ).fetchall()
    raised = 0
    for entry in entries:
        raised += connection.execute(
            "INSERT INTO alerts (alert_id, read_id, entry_id, agent_id, camera_id, at, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (read_id, entry_id) DO NOTHING",
            (unique_id(read.at), read.read_id, entry["entry_id"], agent_id, read.camera_id, iso(read.at), read.text),
        ).rowcount
    return raised
