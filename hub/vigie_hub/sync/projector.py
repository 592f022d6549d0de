"""Projects batches into the read model: rows, watermark, derived tables and alerts move in one transaction.

Idempotent by (agent, epoch, lane, seq): a batch may come twice, late or out of order.
"""

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from vigie_hub.alerts.matching import match
from vigie_hub.database import iso
from vigie_hub.sync.watermarks import Range, advance, holes, without
from vigie_shared.batches import Batch
from vigie_shared.events import AnyEvent, ClipStored, Lane, PlateRead

Watermarks = dict[Lane, int]


@dataclass(frozen=True, slots=True)
class Projection:
    """What one batch changed."""

    agent_id: str
    epoch: str
    events: int
    clips: int
    alerts: int


def is_enrolled(connection: sqlite3.Connection, agent_id: str) -> bool:
    """Whether the hub listens to this agent: the read model's word, newer than any copy."""
    row = connection.execute("SELECT public_key FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    return row is not None and row["public_key"] is not None


def project(connection: sqlite3.Connection, batch: Batch, at: datetime) -> Projection:
    """Store what is new in `batch`, within the caller's transaction."""
    lane = (batch.agent_id, batch.epoch, batch.lane)
    watermark = _watermark(connection, lane)
    missing = _missing(connection, lane, batch.first_seq, batch.last_seq)
    fresh = clips = alerts = 0
    for seq, event in enumerate(batch.events, batch.first_seq):
        if seq <= watermark and not any(first <= seq <= last for first, last in missing):
            continue
        event_id = _insert_event(connection, lane, seq, event, at)
        if event_id is None:
            continue
        fresh += 1
        if isinstance(event, PlateRead):
            alerts += _insert_read(connection, batch.agent_id, event_id, event)
        elif isinstance(event, ClipStored):
            clips += _insert_clip(connection, batch.agent_id, event_id, event)
    for gap in missing:
        _replace_missing(connection, lane, gap, without(gap, batch.first_seq, batch.last_seq))
    _settle(connection, lane, watermark)
    connection.execute(
        "UPDATE agents SET last_seen_at = max(coalesce(last_seen_at, ''), ?), epoch = coalesce(epoch, ?)"
        " WHERE agent_id = ?",
        (iso(at), batch.epoch, batch.agent_id),
    )
    return Projection(batch.agent_id, batch.epoch, fresh, clips, alerts)


def watermarks_of(connection: sqlite3.Connection, agent_id: str, epoch: str) -> Watermarks:
    """How far each lane of this epoch is durable."""
    rows = connection.execute("SELECT lane, seq FROM watermarks WHERE agent_id = ? AND epoch = ?", (agent_id, epoch))
    return {row["lane"]: row["seq"] for row in rows}


def note_oldest(
    connection: sqlite3.Connection, agent_id: str, epoch: str, lane: Lane, oldest: int, at: datetime
) -> list[Range]:
    """The agent can send nothing below `oldest` any more: what is not here by now is missing. Returns the new gaps."""
    key = (agent_id, epoch, lane)
    watermark = _watermark(connection, key)
    if oldest <= watermark + 1:
        return []
    gaps = holes(watermark + 1, oldest - 1, _stored_above(connection, key, watermark))
    connection.executemany(
        "INSERT INTO missing_ranges (agent_id, epoch, lane, first_seq, last_seq, noted_at) VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, first, last, iso(at)) for first, last in gaps],
    )
    _settle(connection, key, oldest - 1)
    return gaps


_LaneKey = tuple[str, str, str]
_OF_LANE = "agent_id = ? AND epoch = ? AND lane = ?"


def _watermark(connection: sqlite3.Connection, lane: _LaneKey) -> int:
    row = connection.execute(f"SELECT seq FROM watermarks WHERE {_OF_LANE}", lane).fetchone()  # noqa: S608
    return row["seq"] if row else 0


def _stored_above(connection: sqlite3.Connection, lane: _LaneKey, seq: int) -> list[int]:
    rows = connection.execute(
        f"SELECT seq FROM events WHERE {_OF_LANE} AND seq > ? ORDER BY seq",  # noqa: S608
        (*lane, seq),
    )
    return [row["seq"] for row in rows]


def _settle(connection: sqlite3.Connection, lane: _LaneKey, watermark: int) -> None:
    """Move the watermark over all that is stored next to it."""
    connection.execute(
        "INSERT INTO watermarks (agent_id, epoch, lane, seq) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (agent_id, epoch, lane) DO UPDATE SET seq = excluded.seq",
        (*lane, advance(watermark, _stored_above(connection, lane, watermark))),
    )


def _missing(connection: sqlite3.Connection, lane: _LaneKey, first: int, last: int) -> list[Range]:
    rows = connection.execute(
        f"SELECT first_seq, last_seq FROM missing_ranges WHERE {_OF_LANE}"  # noqa: S608
        " AND first_seq <= ? AND last_seq >= ?",
        (*lane, last, first),
    )
    return [(row["first_seq"], row["last_seq"]) for row in rows]


def _replace_missing(connection: sqlite3.Connection, lane: _LaneKey, gap: Range, left: list[Range]) -> None:
    noted_at = connection.execute(
        f"DELETE FROM missing_ranges WHERE {_OF_LANE} AND first_seq = ? RETURNING noted_at",  # noqa: S608
        (*lane, gap[0]),
    ).fetchone()["noted_at"]
    connection.executemany(
        "INSERT INTO missing_ranges (agent_id, epoch, lane, first_seq, last_seq, noted_at) VALUES (?, ?, ?, ?, ?, ?)",
        [(*lane, first, last, noted_at) for first, last in left],
    )


def _insert_event(
    connection: sqlite3.Connection, lane: _LaneKey, seq: int, event: AnyEvent, at: datetime
) -> int | None:
    """The new row's id; None where that sequence is stored already."""
    row = connection.execute(
        "INSERT INTO events (agent_id, epoch, lane, seq, kind, camera_id, at, received_at, body)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (agent_id, epoch, lane, seq) DO NOTHING RETURNING id",
        (*lane, seq, event.kind, event.camera_id, iso(event.at), iso(at), event.model_dump_json()),
    ).fetchone()
    return row["id"] if row else None


def _insert_read(connection: sqlite3.Connection, agent_id: str, event_id: int, read: PlateRead) -> int:
    """Keep a plate read and match it; returns how many alerts it raised."""
    inserted = connection.execute(
        "INSERT INTO plate_reads (read_id, event_id, agent_id, camera_id, motion_id, at, text, confidence, uncertain)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (read_id) DO NOTHING",
        (
            read.read_id,
            event_id,
            agent_id,
            read.camera_id,
            read.motion_id,
            iso(read.at),
            read.text,
            read.confidence,
            read.uncertain,
        ),
    )
    return match(connection, agent_id, read) if inserted.rowcount else 0


def _insert_clip(connection: sqlite3.Connection, agent_id: str, event_id: int, clip: ClipStored) -> int:
    inserted = connection.execute(
        "INSERT INTO clips (clip_id, event_id, agent_id, camera_id, motion_id, at, ended_at, bytes, sha256, codec,"
        " width_px, height_px) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (clip_id) DO NOTHING",
        (
            clip.clip_id,
            event_id,
            agent_id,
            clip.camera_id,
            clip.motion_id,
            iso(clip.at),
            iso(clip.ended_at),
            clip.bytes,
            clip.sha256,
            clip.codec,
            clip.width_px,
            clip.height_px,
        ),
    )
    return inserted.rowcount
