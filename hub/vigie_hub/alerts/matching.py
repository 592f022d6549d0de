"""Alerts: from hits that an agent found, and from plain reads, of which only sure ones of exactly the text count."""

import sqlite3

import structlog

from vigie_hub.database import iso
from vigie_hub.sync.reads import insert_read
from vigie_shared.columns.kinds import to_us
from vigie_shared.events import PlateHit, PlateRead
from vigie_shared.ids import unique_id

log = structlog.get_logger(__name__)


def match(connection: sqlite3.Connection, agent_id: str, read: PlateRead) -> int:
    """Raise an alert for each active entry that `read` hits, once; returns how many are new."""
    if read.uncertain:
        return 0
    entries = connection.execute(
        "SELECT entry_id FROM hotlist WHERE text = ?1 AND removed_at IS NULL"
        " AND coalesce(valid_from, '') <= ?2 AND (valid_until IS NULL OR valid_until > ?2)",
        (read.text, iso(read.at)),
    ).fetchall()
    raised = 0
    for entry in entries:
        raised += connection.execute(
            "INSERT INTO alerts (alert_id, read_id, entry_id, agent_id, camera_id, at, text, motion_id, confidence,"
            " uncertain) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (read_id, entry_id) DO NOTHING",
            _told(agent_id, read, entry["entry_id"]),
        ).rowcount
    return raised


def raise_from_hit(connection: sqlite3.Connection, agent_id: str, hit: PlateHit, event_id: int) -> int:
    """Keep the read of `hit`, and raise its alert with its picture; returns how many alerts are new.

    `event_id` is the hit's own row of `events`. Whoever comes first, hit or plain read,
    there is one alert a read and entry; what the hit knows completes it. An entry that was removed before the read
    was made raises nothing.
    """
    read = hit.read
    insert_read(connection, read.text, to_us(read.at), event_id)
    raised = match(connection, agent_id, read)
    entry = connection.execute("SELECT removed_at FROM hotlist WHERE entry_id = ?", (hit.entry_id,)).fetchone()
    if entry is None:
        log.warning("hit_of_unknown_entry", agent_id=agent_id, entry_id=hit.entry_id, list_version=hit.list_version)
        return raised
    if entry["removed_at"] is not None and entry["removed_at"] <= iso(read.at):
        log.info("hit_of_removed_entry", agent_id=agent_id, entry_id=hit.entry_id, list_version=hit.list_version)
        return raised
    known = connection.execute(
        "SELECT 1 FROM alerts WHERE read_id = ? AND entry_id = ?", (read.read_id, hit.entry_id)
    ).fetchone()
    connection.execute(
        "INSERT INTO alerts (alert_id, read_id, entry_id, agent_id, camera_id, at, text, motion_id, confidence,"
        " uncertain, crop, rule, check_only, retro, list_version, list_age_seconds)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (read_id, entry_id) DO UPDATE SET crop = coalesce(crop, excluded.crop),"
        " list_version = excluded.list_version, list_age_seconds = excluded.list_age_seconds, retro = excluded.retro",
        (
            *_told(agent_id, read, hit.entry_id),
            *(hit.picture or None, hit.rule, hit.check_only, hit.retro, hit.list_version, hit.list_age_seconds),
        ),
    )
    return raised + (0 if known else 1)


def _told(agent_id: str, read: PlateRead, entry_id: str) -> tuple[object, ...]:
    """What an alert tells of its read, in the order of the columns."""
    return (
        *(unique_id(read.at), read.read_id, entry_id, agent_id, read.camera_id, iso(read.at), read.text),
        *(read.motion_id, read.confidence, read.uncertain),
    )
