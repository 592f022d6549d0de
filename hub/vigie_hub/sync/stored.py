"""Stored batches, and the events in them: unpacked again whenever somebody looks.

An event's id is its batch's, times 256, plus its place: ids ascend by arrival, and say where to look.
"""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from vigie_hub.sync.times import iso_of_us
from vigie_shared.batches import EVENTS_MAX, bodies
from vigie_shared.columns.kinds import to_us
from vigie_shared.events import Lane, lane_of_kind

_SHIFT: Final = 8
assert EVENTS_MAX <= 1 << _SHIFT
_ANY: Final = "(:agent_id IS NULL OR agent_id = :agent_id) AND (:lane IS NULL OR lane = :lane)"
_KIND: Final = "(:kind IS NULL OR ',' || kinds || ',' LIKE '%,' || :kind || ',%')"
_UP: Final = f"SELECT * FROM batches WHERE id >= :batch AND {_ANY} AND {_KIND} ORDER BY id"  # noqa: S608
_DOWN: Final = f"SELECT * FROM batches WHERE id <= :batch AND {_ANY} AND {_KIND} ORDER BY id DESC"  # noqa: S608
_OF_AGENT: Final = f"SELECT * FROM batches WHERE agent_id = :agent_id AND lane = :lane AND {_KIND} ORDER BY id DESC"  # noqa: S608
_HOLDING: Final = """
SELECT * FROM batches WHERE agent_id = :agent_id AND epoch = :epoch AND lane = :lane AND first_seq <= :seq
ORDER BY first_seq DESC LIMIT 1
"""
Row = dict[str, Any]


def event_id_of(batch_id: int, place: int) -> int:
    """The id of the event that is stored at `place` of a batch."""
    return batch_id << _SHIFT | place


def next_batch_id(connection: sqlite3.Connection) -> int:
    """The id of the batch that comes next; none is used twice."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchone()
    return int(row[0]) + 1 if row else 1


def newest_event_id(connection: sqlite3.Connection) -> int:
    """Id of the event that came last; 0 before the first."""
    row = connection.execute("SELECT id, count FROM batches ORDER BY id DESC LIMIT 1").fetchone()
    return event_id_of(row["id"], row["count"] - 1) if row else 0


def events_after(
    connection: sqlite3.Connection, event_id: int, *, kind: str | None = None, agent_id: str | None = None
) -> Iterator[Row]:
    """Events that came after that one, in order."""
    return _events(connection, _UP, event_id, kind, agent_id)


def events_before(
    connection: sqlite3.Connection, event_id: int, *, kind: str | None = None, agent_id: str | None = None
) -> Iterator[Row]:
    """Events that came before that one, the newest first."""
    return _events(connection, _DOWN, event_id, kind, agent_id)


def events_of(connection: sqlite3.Connection, agent_id: str, lane: Lane, kind: str) -> Iterator[Row]:
    """One agent's events of a kind, the newest batch first."""
    for batch in connection.execute(_OF_AGENT, {"agent_id": agent_id, "lane": lane, "kind": kind}):
        yield from (row for row in unpacked(batch) if row["kind"] == kind)


def holding(connection: sqlite3.Connection, agent_id: str, epoch: str, lane: Lane, seq: int) -> sqlite3.Row | None:
    """The batch that holds an event, if any does."""
    keys = {"agent_id": agent_id, "epoch": epoch, "lane": lane, "seq": seq}
    batch: sqlite3.Row | None = connection.execute(_HOLDING, keys).fetchone()
    return batch


def time_of(connection: sqlite3.Connection, agent_id: str, epoch: str, lane: Lane, seq: int) -> str | None:
    """When an event was; None where it is not here."""
    batch = holding(connection, agent_id, epoch, lane, seq)
    found = [row["at"] for row in unpacked(batch) if row["seq"] == seq] if batch else []
    return found[0] if found else None


def _events(
    connection: sqlite3.Connection, sql: str, event_id: int, kind: str | None, agent_id: str | None
) -> Iterator[Row]:
    up = sql is _UP
    wanted = {"batch": event_id >> _SHIFT, "kind": kind, "agent_id": agent_id, "lane": kind and lane_of_kind(kind)}
    for batch in connection.execute(sql, wanted):
        rows = unpacked(batch)
        for row in rows if up else reversed(rows):
            beyond = row["id"] > event_id if up else row["id"] < event_id
            if beyond and kind in (None, row["kind"]):
                yield row


def unpacked(batch: sqlite3.Row) -> list[Row]:
    """The events of one row of `batches`."""
    told = bodies(batch["payload"], agent_id=batch["agent_id"], lane=batch["lane"])
    return [
        {
            "id": event_id_of(batch["id"], place),
            "agent_id": batch["agent_id"],
            "epoch": batch["epoch"],
            "lane": batch["lane"],
            "seq": batch["first_seq"] + place,
            "kind": body["kind"],
            "camera_id": body.get("camera_id") or "",
            "at": _time(body.get("at")) or batch["received_at"],
            "received_at": batch["received_at"],
            "body": body,
        }
        for place, body in enumerate(told[batch["skip"] : batch["skip"] + batch["count"]])
    ]


def _time(text: Any) -> str | None:
    if not isinstance(text, str):
        return None
    try:
        return iso_of_us(to_us(datetime.fromisoformat(text)))
    except (ValueError, TypeError):
        return None
