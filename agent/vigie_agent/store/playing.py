"""What playback asks of the ledger: when a clip's event began, and which clip is next to it."""

import sqlite3
from datetime import datetime
from typing import Final, Literal

Neighbour = Literal["next", "previous", "rest"]


def times(ledger: sqlite3.Connection, clip_id: str) -> tuple[datetime, bool, datetime]:
    """When it ended, whether that is its end, and when its motion began."""
    row = ledger.execute(
        "SELECT ended_at, sha256 IS NOT NULL, coalesce((SELECT min(e.at) FROM events e WHERE kind = 'motion_started'"
        " AND e.camera_id = c.camera_id AND e.at BETWEEN c.at AND c.ended_at"
        " AND json_extract(body, '$.motion_id') = c.motion_id), at) FROM clips c WHERE clip_id = ?",
        (clip_id,),
    ).fetchone()
    return datetime.fromisoformat(row[0]), bool(row[1]), datetime.fromisoformat(row[2])


_NEIGHBOURS: Final[dict[Neighbour, str]] = {
    "next": "SELECT n.clip_id FROM clips c JOIN clips n ON n.camera_id = c.camera_id AND n.at > c.at"
    " AND n.motion_id IS NOT c.motion_id WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1",
    "previous": "SELECT n.clip_id FROM clips c JOIN clips n ON n.camera_id = c.camera_id AND n.at < c.at"
    " AND n.motion_id IS NOT c.motion_id WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at DESC LIMIT 1",
    "rest": "SELECT n.clip_id FROM clips c JOIN clips n ON n.motion_id = c.motion_id AND n.camera_id = c.camera_id"
    " AND n.at > c.at WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1",
}
_FIRST: Final = (
    "SELECT n.clip_id FROM clips c JOIN clips n ON n.motion_id = c.motion_id AND n.camera_id = c.camera_id"
    " WHERE c.clip_id = ? AND n.removed_at IS NULL ORDER BY n.at LIMIT 1"
)


def neighbour(ledger: sqlite3.Connection, clip_id: str, which: Neighbour) -> str | None:
    """The clip next to this one; an event that goes on in several clips counts as its first.

    `next` and `previous` are other events of the camera, `rest` is the clip in which the same one goes on.
    """

    def one(question: str, of: str) -> str | None:
        row = ledger.execute(question, (of,)).fetchone()
        return str(row[0]) if row else None

    if which != "previous":
        return one(_NEIGHBOURS[which], clip_id)
    found = one(_NEIGHBOURS["previous"], one(_FIRST, clip_id) or clip_id)
    return found and (one(_FIRST, found) or found)
