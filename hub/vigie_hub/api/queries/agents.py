"""Agents, their state, and what they still hold back."""

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime

from vigie_hub.api.models import Agent, Camera
from vigie_hub.database import iso
from vigie_hub.fleet.enrolment import load_records
from vigie_hub.fleet.registry import AgentState
from vigie_hub.fleet.suspensions import Suspension, suspensions
from vigie_shared.heartbeats import Heartbeat


def list_agents(connection: sqlite3.Connection, now: datetime) -> list[Agent]:
    """All agents, by name."""
    watermarks = _watermarks(connection)
    missing = _missing(connection)
    suspended = {one.agent_id: one for one in suspensions(connection, now)}
    states = {record.agent_id: record.state(now) for record in load_records(connection)}
    return [
        _agent(
            row,
            states[row["agent_id"]],
            watermarks.get((row["agent_id"], row["epoch"]), {}),
            missing.get(row["agent_id"], 0),
            suspended.get(row["agent_id"]),
        )
        for row in connection.execute("SELECT * FROM agents ORDER BY agent_id")
    ]


def camera_names(connection: sqlite3.Connection) -> dict[tuple[str, str], str]:
    """Names of all cameras, by agent and camera id."""
    rows = connection.execute(
        "SELECT agent_id, camera.value ->> 'camera_id' AS camera_id, camera.value ->> 'name' AS name"
        " FROM agents, json_each(heartbeat, '$.cameras') AS camera WHERE heartbeat IS NOT NULL"
    )
    return {(row["agent_id"], row["camera_id"]): row["name"] for row in rows}


def _agent(
    row: sqlite3.Row,
    state: AgentState,
    watermarks: Mapping[str, int],
    missing: int,
    suspended: Suspension | None,
) -> Agent:
    heartbeat = Heartbeat.model_validate_json(row["heartbeat"]) if row["heartbeat"] else None
    newest = heartbeat.newest if heartbeat else {}
    return Agent(
        agent_id=row["agent_id"],
        state=state,
        public_key=row["public_key"],
        last_seen_at=row["last_seen_at"],
        version=heartbeat.version if heartbeat else None,
        cameras=[Camera.model_validate(camera.model_dump()) for camera in heartbeat.cameras] if heartbeat else [],
        still_at_edge=sum(max(0, seq - watermarks.get(lane, 0)) for lane, seq in newest.items()),
        missing=missing,
        clips_kept=heartbeat.clips_kept if heartbeat else None,
        clips_bytes=heartbeat.clips_bytes if heartbeat else None,
        disk_free_bytes=heartbeat.disk_free_bytes if heartbeat else None,
        suspended_until=iso(datetime.fromtimestamp(suspended.until_seconds, UTC)) if suspended else None,
        suspended_because=suspended.reason if suspended else None,
        link=heartbeat.link if heartbeat else None,
    )


def _watermarks(connection: sqlite3.Connection) -> dict[tuple[str, str], dict[str, int]]:
    found: dict[tuple[str, str], dict[str, int]] = {}
    for row in connection.execute("SELECT * FROM watermarks"):
        found.setdefault((row["agent_id"], row["epoch"]), {})[row["lane"]] = row["seq"]
    return found


def _missing(connection: sqlite3.Connection) -> dict[str, int]:
    rows = connection.execute(
        "SELECT agent_id, SUM(last_seq - first_seq + 1) AS missing FROM missing_ranges GROUP BY agent_id"
    )
    return {row["agent_id"]: row["missing"] for row in rows}
