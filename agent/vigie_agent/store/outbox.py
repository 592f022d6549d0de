"""Events and the outbox: what happened, in the order that the hub is to hear it, and how far it has."""

import itertools
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from vigie_agent.store.database import stamp
from vigie_shared.events import EVENT, KINDS, LANES, AnyEvent, Lane, PlateRead, StrangeEvent, lane_of, strange


@dataclass(frozen=True)
class OutboxRow:
    """One event at its place in a lane."""

    seq: int
    event: AnyEvent | StrangeEvent
    """As it was written: a newer release that ran here before may have had kinds and fields that this one lacks."""
    size_bytes: int
    """Of the event as JSON."""


def append(connection: sqlite3.Connection, event: AnyEvent) -> int:
    """Write `event` and its outbox row; the sequence that it got in its lane."""
    lane = lane_of(event)
    (seq,) = connection.execute(
        "UPDATE lanes SET newest = newest + 1 WHERE lane = ? RETURNING newest", (lane,)
    ).fetchone()
    event_id = connection.execute(
        "INSERT INTO events (kind, camera_id, at, body) VALUES (?, ?, ?, ?)",
        (event.kind, event.camera_id, stamp(event.at), event.model_dump_json(exclude_none=True)),
    ).lastrowid
    connection.execute("INSERT INTO outbox (lane, seq, event_id) VALUES (?, ?, ?)", (lane, seq, event_id))
    return int(seq)


def append_read(connection: sqlite3.Connection, read: PlateRead, crop_jpeg: bytes) -> int:
    """Write a plate read with its picture."""
    connection.execute(
        "INSERT INTO crops (read_id, at, jpeg, motion_id) VALUES (?, ?, ?, ?)",
        (read.read_id, stamp(read.at), crop_jpeg, read.motion_id),
    )
    return append(connection, read)


def rows_after(connection: sqlite3.Connection, lane: Lane, seq: int, limit: int) -> list[OutboxRow]:
    """At most `limit` rows of `lane` that follow `seq`, in order."""
    found = connection.execute(
        "SELECT seq, body FROM outbox JOIN events USING (event_id) WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
        (lane, seq, limit),
    )
    return [OutboxRow(at, event_of(body), len(body)) for at, body in found]


def event_of(body: str) -> AnyEvent | StrangeEvent:
    """An event as the ledger keeps it, with all that it says."""
    try:
        event = EVENT.validate_json(body, extra="allow")
        return event if event.model_extra else EVENT.validate_json(body)  # so that it is equal to what was recorded
    except ValidationError:
        found = json.loads(body)
        if found.get("kind") in KINDS:
            raise
        return strange(found)


def newest(connection: sqlite3.Connection) -> dict[Lane, int]:
    """The newest sequence of each lane, 0 where it is empty."""
    return _known(connection.execute("SELECT lane, newest FROM lanes"))


def oldest(connection: sqlite3.Connection) -> dict[Lane, int]:
    """The lowest sequence that each lane can still send; the next one to come where it holds none."""
    return _known(
        connection.execute(
            "SELECT lane, coalesce((SELECT min(seq) FROM outbox o WHERE o.lane = lanes.lane AND seq > 0), newest + 1)"
            " FROM lanes"
        )
    )


def receipted(connection: sqlite3.Connection) -> dict[Lane, int]:
    """What the hub last signed for, 0 where it has not."""
    return _known(connection.execute("SELECT lane, coalesce(seq, 0) FROM lanes LEFT JOIN receipts USING (lane)"))


def _known(rows: Iterable[tuple[Lane, int]]) -> dict[Lane, int]:
    """Lanes of a newer release that ran here before wait for it."""
    return {lane: seq for lane, seq in rows if lane in LANES}


def note_receipt(connection: sqlite3.Connection, watermarks: Mapping[Lane, int], at: datetime) -> None:
    """Keep the hub's word; a lower one than before means that the hub has forgotten."""
    now = stamp(at)
    connection.executemany(
        "INSERT INTO receipts (lane, seq, received_at) VALUES (?, ?, ?)"
        " ON CONFLICT (lane) DO UPDATE SET seq = excluded.seq, received_at = excluded.received_at",
        [(lane, seq, now) for lane, seq in watermarks.items()],
    )
    if "clip" in watermarks:
        _acknowledge_clips(connection, watermarks["clip"], now)


def _acknowledge_clips(connection: sqlite3.Connection, seq: int, now: str) -> None:
    connection.execute(
        "DELETE FROM ledger WHERE state = 'acknowledged' AND clip_id IN (SELECT clip_id FROM clips WHERE seq > ?)",
        (seq,),
    )
    connection.execute("UPDATE clips SET acknowledged = 0 WHERE seq > ? AND acknowledged", (seq,))
    connection.execute(
        "INSERT INTO ledger (clip_id, state, at) SELECT clip_id, 'acknowledged', ? FROM clips WHERE seq <= ?"
        " AND seq > (SELECT coalesce(max(seq), 0) FROM clips JOIN ledger USING (clip_id) WHERE state = 'acknowledged')",
        (now, seq),
    )
    connection.execute("UPDATE clips SET acknowledged = 1 WHERE seq <= ? AND NOT acknowledged", (seq,))


def forget(connection: sqlite3.Connection, sent_before: datetime, crops_before: datetime, limit: int) -> int:
    """Remove receipted events and pictures older than that, at most `limit` of each; how many events went.

    A lane loses its oldest rows only, so that it never has a hole.
    """
    removed = 0
    for lane, seq in receipted(connection).items():
        rows = connection.execute(
            "SELECT event_id, at FROM outbox JOIN events USING (event_id) WHERE lane = ? AND seq <= ?"
            " ORDER BY seq LIMIT ?",
            (lane, seq, limit),
        )
        oldest_first = itertools.takewhile(lambda row: row[1] < stamp(sent_before), rows)
        gone = [(event_id,) for event_id, _at in oldest_first]
        connection.executemany("DELETE FROM outbox WHERE event_id = ?", gone)
        connection.executemany("DELETE FROM events WHERE event_id = ?", gone)
        removed += len(gone)
    connection.execute(
        "DELETE FROM crops WHERE read_id IN (SELECT read_id FROM crops WHERE at < ? ORDER BY at LIMIT ?)",
        (stamp(crops_before), limit),
    )
    return removed
