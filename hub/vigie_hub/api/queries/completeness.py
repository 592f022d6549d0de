"""What an answer may lack: each agent's newest sequence, as it last said, against what is durable here."""

import sqlite3
from collections.abc import Iterable
from datetime import datetime

from vigie_hub.api.models import Behind, Completeness
from vigie_hub.database import iso
from vigie_hub.fleet.enrolment import load_records
from vigie_hub.sync.stored import time_of
from vigie_shared.events import LANES, Lane

_LANES_OF_AGENTS = """
SELECT agents.agent_id, agents.heartbeat ->> '$.at' AS said_at, newest.key AS lane, newest.value AS newest,
       coalesce(watermarks.seq, 0) AS seq, agents.epoch
FROM agents, json_each(agents.heartbeat, '$.newest') AS newest
LEFT JOIN watermarks
    ON watermarks.agent_id = agents.agent_id AND watermarks.epoch = agents.epoch AND watermarks.lane = newest.key
WHERE agents.public_key IS NOT NULL AND (:agent_id IS NULL OR agents.agent_id = :agent_id)
"""


def completeness(
    connection: sqlite3.Connection, now: datetime, lanes: Iterable[Lane] = LANES, *, agent_id: str | None = None
) -> Completeness:
    """How complete an answer from these lanes is, of all agents or of one.

    An agent with nothing left to send is complete as of its last heartbeat; one with a backlog as of the last event
    before it, since a lane is sent in the order in which it was recorded.
    """
    wanted = frozenset(lanes)
    of_agents: dict[str, list[sqlite3.Row]] = {}
    for row in connection.execute(_LANES_OF_AGENTS, {"agent_id": agent_id}):
        of_agents.setdefault(row["agent_id"], []).append(row)
    as_of: list[str] = []
    unreachable: list[Behind] = []
    catching_up: list[Behind] = []
    for record in load_records(connection):
        if record.public_key is None or agent_id not in (None, record.agent_id):
            continue
        rows = [row for row in of_agents.get(record.agent_id, []) if row["lane"] in wanted]
        behind = Behind(
            agent_id=record.agent_id,
            complete_as_of=_complete_as_of(connection, rows),
            events_at_edge=sum(max(0, row["newest"] - row["seq"]) for row in rows),
            last_seen_at=_iso(record.last_seen_at),
        )
        if record.state(now) != "online":
            unreachable.append(behind)
            continue
        if behind.events_at_edge:
            catching_up.append(behind)
        if behind.complete_as_of:
            as_of.append(behind.complete_as_of)
    return Completeness(as_of=min(as_of, default=None), unreachable=unreachable, catching_up=catching_up)


def _complete_as_of(connection: sqlite3.Connection, rows: list[sqlite3.Row]) -> str | None:
    """The earliest of the agent's lanes; None where it never reported, or nothing of a lane is here."""
    times: list[str | None] = [row["said_at"] for row in rows[:1]]
    for row in rows:
        if row["newest"] > row["seq"]:
            times.append(time_of(connection, row["agent_id"], row["epoch"], row["lane"], row["seq"]))
    known = [_normal(time) for time in times if time is not None]
    return None if not times or len(known) < len(times) else min(known)


def _normal(time: str) -> str:
    """One form for times of heartbeats and of events, so that they sort as text."""
    return iso(datetime.fromisoformat(time))


def _iso(at: datetime | None) -> str | None:
    return iso(at) if at else None
