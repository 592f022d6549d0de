"""A camera's timeline, from metadata alone: where its footage is, what is missing and why, for how long it stays."""

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from vigie_hub.api.models import Span, Timeline
from vigie_hub.api.queries.completeness import completeness
from vigie_hub.api.queries.events import gaps_of
from vigie_hub.database import iso
from vigie_shared.heartbeats import Heartbeat

SPANS_MAX: Final = 5_000
RATE_HOURS: Final = 24

CLIP_HOURS_MAX: Final = 1
"""No clip is longer, so that none that reaches into the time asked for begins earlier."""

_CLIPS = """
WITH of_agent AS (
    SELECT clip_id, camera_id, at, ended_at, sum(bytes) OVER (ORDER BY at DESC, clip_id DESC) AS bytes_up_to_it
    FROM clips WHERE agent_id = :agent_id AND at > :earliest
)
SELECT of_agent.*, archived_clips.clip_id IS NOT NULL AS archived,
       EXISTS (SELECT 1 FROM edge_holds AS hold
               WHERE hold.clip_id = of_agent.clip_id AND hold.wanted AND hold.answer = 'done') AS held
FROM of_agent LEFT JOIN archived_clips USING (clip_id)
WHERE camera_id = :camera_id AND at < :until AND ended_at > :since
ORDER BY at DESC LIMIT :limit
"""
_RATE = "SELECT sum(bytes) AS bytes, min(at) AS since FROM clips WHERE agent_id = ? AND at > ?"


def timeline(
    connection: sqlite3.Connection,
    agent_id: str,
    camera_id: str,
    since: datetime,
    until: datetime,
    now: datetime,
    on_its_way: Callable[[str], bool],
) -> Timeline:
    """The newest `SPANS_MAX` clips and gaps that touch `since … until`, in order; `on_its_way` knows running pulls."""
    hours_left = _hours_left(connection, agent_id, now)
    gaps = gaps_of(connection, agent_id, camera_id, since, until, SPANS_MAX)
    overwritten = {gap.clip_id for gap in gaps if gap.clip_id}
    spans = [
        Span(
            at=iso(gap.at),
            ended_at=iso(gap.ended_at),
            where="gap",
            clip_id=gap.clip_id,
            reason=gap.reason,
            held=False,
            overwritten_in_hours=None,
        )
        for gap in gaps
    ]
    keys = {
        "agent_id": agent_id,
        "camera_id": camera_id,
        "earliest": iso(since - timedelta(hours=CLIP_HOURS_MAX)),
        "since": iso(since),
        "until": iso(until),
        "limit": SPANS_MAX,
    }
    for row in connection.execute(_CLIPS, keys):
        if row["clip_id"] in overwritten and not row["archived"]:
            continue
        held = bool(row["held"])
        spans.append(
            Span(
                at=row["at"],
                ended_at=row["ended_at"],
                where="hub" if row["archived"] else "transit" if on_its_way(row["clip_id"]) else "edge",
                clip_id=row["clip_id"],
                reason="",
                held=held,
                overwritten_in_hours=None if held else hours_left(row["bytes_up_to_it"]),
            )
        )
    known = completeness(connection, now, ("clip", "hlt"), agent_id=agent_id)
    as_of = known.unreachable[0].complete_as_of if known.unreachable else known.as_of
    return Timeline(
        agent_id=agent_id,
        camera_id=camera_id,
        spans=sorted(spans, key=lambda span: (span.at, span.ended_at))[-SPANS_MAX:],
        known_until=as_of,
        reachable=not known.unreachable and known.as_of is not None,
    )


def _hours_left(connection: sqlite3.Connection, agent_id: str, now: datetime) -> Callable[[int], float | None]:
    """How long a clip stays up to which, from the newest on, there are so many bytes; at the rate of the last day."""
    row = connection.execute("SELECT heartbeat FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    most = Heartbeat.model_validate_json(row["heartbeat"]).clips_bytes_max if row and row["heartbeat"] else None
    last = connection.execute(_RATE, (agent_id, iso(now - timedelta(hours=RATE_HOURS)))).fetchone()
    if most is None or not last["bytes"]:
        return lambda _bytes: None
    hours = max((now - datetime.fromisoformat(last["since"])).total_seconds() / 3600, 1.0)
    bytes_per_hour = last["bytes"] / min(hours, RATE_HOURS)
    return lambda bytes_up_to_it: round(max(0.0, most - bytes_up_to_it) / bytes_per_hour, 1)
