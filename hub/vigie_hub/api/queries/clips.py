"""Clips, and which of them are here; those on their way are known to `vigie_hub.api.progress`."""

import sqlite3
from collections.abc import Mapping
from typing import Final, Literal

from vigie_hub.api import cursors
from vigie_hub.api.models import ArchiveState, Clip, EdgeHold, Page
from vigie_hub.api.queries.agents import camera_names

_CLIP = """
SELECT clips.*, archived.sha256 AS archived_sha256, archived.bytes AS archived_bytes, archived.pull_seconds
FROM clips LEFT JOIN archived_clips AS archived USING (clip_id)
"""
_LIST = (
    _CLIP
    + """
WHERE (clips.at, clips.clip_id) < (:at, :clip_id) AND (:agent_id IS NULL OR clips.agent_id = :agent_id)
ORDER BY clips.at DESC, clips.clip_id DESC LIMIT :limit
"""
)
_BY_MOTION = _CLIP + "WHERE clips.motion_id = :motion_id AND clips.agent_id = :agent_id ORDER BY clips.at LIMIT 1"
_BY_TIME = (
    _CLIP
    + """
WHERE clips.at <= :at AND clips.ended_at >= :at AND clips.agent_id = :agent_id AND clips.camera_id = :camera_id
ORDER BY clips.at DESC LIMIT 1
"""
)
_HOLD_STATES: Final[Mapping[tuple[bool, str | None], Literal["asked", "held", "releasing", "released", "refused"]]] = {
    (True, None): "asked",
    (True, "done"): "held",
    (True, "refused"): "refused",
    (False, None): "releasing",
    (False, "done"): "released",
    (False, "refused"): "refused",
}
_END = "~"  # sorts after every time


def list_clips(
    connection: sqlite3.Connection,
    *,
    cursor: str | None = None,
    agent_id: str | None = None,
    limit: int = 100,
) -> Page[Clip]:
    """The newest first."""
    at, clip_id = cursors.unpack(cursor, str, str) if cursor else (_END, "")
    names = camera_names(connection)
    rows = connection.execute(
        _LIST, {"at": at, "clip_id": clip_id, "agent_id": agent_id, "limit": limit + 1}
    ).fetchall()
    clips = [_clip(connection, row, names) for row in rows[:limit]]
    more = cursors.pack(clips[-1].at, clips[-1].clip_id) if len(rows) > limit else None
    return Page(items=clips, next=more)


def find_clip(connection: sqlite3.Connection, clip_id: str) -> Clip | None:
    """The clip of that id."""
    row = connection.execute(_CLIP + "WHERE clips.clip_id = ?", (clip_id,)).fetchone()
    return _clip(connection, row, camera_names(connection)) if row else None


def clip_showing(
    connection: sqlite3.Connection, read: sqlite3.Row, names: Mapping[tuple[str, str], str]
) -> Clip | None:
    """The clip that shows a plate read: of the same motion, else of the same camera and time."""
    keys = {key: read[key] for key in ("motion_id", "agent_id", "camera_id", "at")}
    row = connection.execute(_BY_MOTION, keys).fetchone() if keys["motion_id"] else None
    row = row or connection.execute(_BY_TIME, keys).fetchone()
    return _clip(connection, row, names) if row else None


def _clip(connection: sqlite3.Connection, row: sqlite3.Row, names: Mapping[tuple[str, str], str]) -> Clip:
    made = ("camera_name", "archive", "holds")
    known = {key: row[key] for key in Clip.model_fields if key not in made}
    name = names.get((row["agent_id"], row["camera_id"]), row["camera_id"])
    return Clip(**known, camera_name=name, archive=_archive(row), holds=_holds(connection, row["clip_id"]))


def _holds(connection: sqlite3.Connection, clip_id: str) -> list[EdgeHold]:
    rows = connection.execute("SELECT * FROM edge_holds WHERE clip_id = ? ORDER BY kind", (clip_id,))
    return [
        EdgeHold(
            kind=row["kind"],
            state=_HOLD_STATES[bool(row["wanted"]), row["answer"]],
            **{key: row[key] for key in ("reason", "asked_by", "asked_at", "detail")},
        )
        for row in rows
    ]


def _archive(row: sqlite3.Row) -> ArchiveState | None:
    if row["archived_sha256"] is None:
        return None
    return ArchiveState(
        state="verified",
        sha256=row["archived_sha256"],
        bytes=row["archived_bytes"],
        seconds=row["pull_seconds"],
        detail="",
        here=["thumbnail", "keyframes", "original"],
        wanted=[],
        quality="original",
        arrived_bytes=row["archived_bytes"],
        of_bytes=row["archived_bytes"],
        bytes_per_second=None,
        eta_seconds=None,
        road=None,
        waits=None,
        ahead=0,
        keyframes_here=0,
        keyframes=None,
        prefix_bytes=row["archived_bytes"],
    )
