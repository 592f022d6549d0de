"""Damage: a segment that is not what it was is marked once, and what it showed is a gap from then on."""

import sqlite3
from datetime import datetime, timedelta

from vigie_agent.store import clips, outbox
from vigie_agent.store.database import stamp
from vigie_agent.store.retention import SignGap
from vigie_shared.events import GapRecorded
from vigie_shared.ids import unique_id


def note(connection: sqlite3.Connection, clip_id: str, idx: int, now: datetime, sign: SignGap) -> bool:
    """Mark segment `idx`; False where it was known, or the clip has left meanwhile."""
    marked = connection.execute(
        "UPDATE segments SET damaged_at = ? WHERE clip_id = ? AND idx = ? AND damaged_at IS NULL",
        (stamp(now), clip_id, idx),
    ).rowcount
    if not marked or (idx == 0 and clips.init(connection, clip_id) is not None):
        return bool(marked)
    camera_id, at, ended_at = _lost(connection, clip_id, idx)
    gap = GapRecorded(
        at=at, camera_id=camera_id, gap_id=unique_id(now), ended_at=ended_at, reason="disk_error", clip_id=clip_id
    )
    outbox.append(connection, sign(gap))
    return True


def damaged(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    """Clips and segments that are known to be damaged."""
    rows = connection.execute("SELECT clip_id, idx FROM segments WHERE damaged_at IS NOT NULL ORDER BY clip_id, idx")
    return [(clip_id, idx) for clip_id, idx in rows]


def _lost(connection: sqlite3.Connection, clip_id: str, idx: int) -> tuple[str, datetime, datetime]:
    """Camera and range of what the segment showed; the whole clip where its boxes do not say."""
    camera_id, begins, ends = connection.execute(
        "SELECT camera_id, at, ended_at FROM clips WHERE clip_id = ?", (clip_id,)
    ).fetchone()
    at, ended_at = datetime.fromisoformat(begins), datetime.fromisoformat(ends)
    starts = {segment.idx: segment.starts_ms for segment in clips.segments(connection, clip_id)}
    own, following = starts[idx], starts.get(idx + 1)
    lost_at = at + timedelta(milliseconds=own) if own is not None else at
    lost_until = at + timedelta(milliseconds=following) if following is not None else ended_at
    return camera_id, lost_at, max(lost_at, lost_until)
