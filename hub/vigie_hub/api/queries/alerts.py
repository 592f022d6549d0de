"""Alerts, each with its read, its reason and its clip."""

import sqlite3
from collections.abc import Mapping

from vigie_hub.api import cursors
from vigie_hub.api.models import Alert, Page
from vigie_hub.api.queries.agents import camera_names
from vigie_hub.api.queries.clips import clip_showing
from vigie_hub.api.queries.plates import plate_of

_ALERT = """
SELECT alerts.alert_id, alerts.at, alerts.agent_id, alerts.camera_id, alerts.text, alerts.entry_id, alerts.read_id,
       alerts.crop IS NOT NULL AS crop_ready, alerts.rule, alerts.check_only, alerts.retro, alerts.list_version,
       alerts.list_age_seconds, hotlist.reason, hotlist.list_id,
       alerts.confidence, alerts.uncertain, alerts.motion_id
FROM alerts JOIN hotlist USING (entry_id)
"""
_LIST = (
    _ALERT
    + """
WHERE (alerts.at, alerts.alert_id) < (:at, :alert_id) ORDER BY alerts.at DESC, alerts.alert_id DESC LIMIT :limit
"""
)
_END = "~"  # sorts after every time


def list_alerts(connection: sqlite3.Connection, *, cursor: str | None = None, limit: int = 100) -> Page[Alert]:
    """The newest first."""
    at, alert_id = cursors.unpack(cursor, str, str) if cursor else (_END, "")
    names = camera_names(connection)
    rows = connection.execute(_LIST, {"at": at, "alert_id": alert_id, "limit": limit + 1}).fetchall()
    alerts = [_alert(connection, row, names) for row in rows[:limit]]
    more = cursors.pack(alerts[-1].at, alerts[-1].alert_id) if len(rows) > limit else None
    return Page(items=alerts, next=more)


def find_alert(connection: sqlite3.Connection, alert_id: str) -> Alert | None:
    """The alert of that id."""
    row = connection.execute(_ALERT + "WHERE alerts.alert_id = ?", (alert_id,)).fetchone()
    return _alert(connection, row, camera_names(connection)) if row else None


def crop_of(connection: sqlite3.Connection, alert_id: str) -> tuple[bool, bytes | None]:
    """Whether there is such an alert, and its plate's picture (JPEG or WebP) where it has arrived."""
    row = connection.execute("SELECT crop FROM alerts WHERE alert_id = ?", (alert_id,)).fetchone()
    return row is not None, row["crop"] if row else None


def _alert(connection: sqlite3.Connection, row: sqlite3.Row, names: Mapping[tuple[str, str], str]) -> Alert:
    return Alert(
        alert_id=row["alert_id"],
        at=row["at"],
        agent_id=row["agent_id"],
        camera_id=row["camera_id"],
        camera_name=names.get((row["agent_id"], row["camera_id"]), row["camera_id"]),
        text=row["text"],
        plate=plate_of(row["text"]),
        reason=row["reason"],
        confidence=row["confidence"],
        uncertain=bool(row["uncertain"]),
        entry_id=row["entry_id"],
        read_id=row["read_id"],
        list_id=row["list_id"],
        rule=row["rule"],
        check_only=bool(row["check_only"]),
        retro=bool(row["retro"]),
        list_version=row["list_version"],
        list_age_seconds=row["list_age_seconds"],
        crop_ready=bool(row["crop_ready"]),
        clip=clip_showing(connection, row, names),
    )
