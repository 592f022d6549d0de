"""What an answer may lack: each agent's newest sequence, as it last said, against what is durable here.

Each list asks it of the whole fleet. So only agents that hold something back, or may be away, are looked at one by one;
of all others the earliest report is one row (docs/design/completeness.md, At 5,000 agents).
"""

import json
import sqlite3
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from vigie_hub.api.models import Behind, Completeness
from vigie_hub.database import iso
from vigie_hub.fleet.enrolment import load_records
from vigie_hub.sync.stored import time_of
from vigie_shared.events import LANES, Lane

_BEHIND: Final = """
SELECT reports.*, (SELECT last_seen_at FROM agents WHERE agents.agent_id = reports.agent_id) AS last_seen_at
FROM reports WHERE newest > seq AND (:agent_id IS NULL OR agent_id = :agent_id) ORDER BY agent_id
"""
_EARLIEST: Final = """
SELECT said_at FROM reports
WHERE lane = :lane AND (:agent_id IS NULL OR agent_id = :agent_id)
AND agent_id NOT IN (SELECT value FROM json_each(:but)) ORDER BY said_days LIMIT 1
"""
_SAID: Final = "SELECT agent_id, said_at FROM reports WHERE agent_id IN (SELECT value FROM json_each(?))"


def completeness(
    connection: sqlite3.Connection, now: datetime, lanes: Iterable[Lane] = LANES, *, agent_id: str | None = None
) -> Completeness:
    """How complete an answer from these lanes is, of all agents or of one.

    An agent with nothing left to send is complete as of its last heartbeat; one with a backlog as of the last event
    before it, since a lane is sent in the order in which it was recorded.
    """
    wanted = frozenset(lanes)
    behind: dict[str, list[sqlite3.Row]] = {}
    for row in connection.execute(_BEHIND, {"agent_id": agent_id}):
        if row["lane"] in wanted:
            behind.setdefault(row["agent_id"], []).append(row)
    away = {
        record.agent_id: _iso(record.last_seen_at)
        for record in load_records(connection, but_connected=True)
        if record.public_key and agent_id in (None, record.agent_id) and record.state(now) != "online"
    }
    said = dict(connection.execute(_SAID, [json.dumps(list(away))]).fetchall())
    unreachable = [
        _behind(connection, name, behind.get(name, []), seen_at, said.get(name)) for name, seen_at in away.items()
    ]
    catching_up = [
        _behind(connection, name, rows, rows[0]["last_seen_at"], rows[0]["said_at"])
        for name, rows in behind.items()
        if name not in away
    ]
    as_of = [one.complete_as_of for one in catching_up if one.complete_as_of]
    others = {"agent_id": agent_id, "but": json.dumps([*behind, *away])}
    earliest = [connection.execute(_EARLIEST, {**others, "lane": lane}).fetchone() for lane in wanted]
    as_of += [_normal(row["said_at"]) for row in earliest if row]
    return Completeness(as_of=min(as_of, default=None), unreachable=unreachable, catching_up=catching_up)


def _behind(
    connection: sqlite3.Connection, agent_id: str, rows: list[sqlite3.Row], seen_at: str | None, said_at: str | None
) -> Behind:
    """`rows` are those of its lanes that hold something back."""
    return Behind(
        agent_id=agent_id,
        complete_as_of=_complete_as_of(connection, rows, said_at),
        events_at_edge=sum(row["newest"] - row["seq"] for row in rows),
        last_seen_at=seen_at,
    )


def _complete_as_of(connection: sqlite3.Connection, rows: list[sqlite3.Row], said_at: str | None) -> str | None:
    """The earliest of the agent's lanes; None where it never reported, or nothing of a lane is here."""
    times = [said_at]
    times += [time_of(connection, row["agent_id"], row["epoch"], row["lane"], row["seq"]) for row in rows]
    known = [_normal(time) for time in times if time is not None]
    return None if len(known) < len(times) else min(known)


def _normal(time: str) -> str:
    """One form for times of heartbeats and of events, so that they sort as text."""
    return iso(datetime.fromisoformat(time))


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at else None
