"""The clips that are kept, one by one (`vigie agent store list`)."""

from dataclasses import dataclass

from vigie_agent.store import clips
from vigie_agent.store.reader import Reader


@dataclass(frozen=True)
class KeptClip:
    """What somebody needs to choose a clip."""

    clip_id: str
    camera_id: str
    at: str
    ended_at: str
    bytes: int
    kept_as: str
    is_acknowledged: bool
    is_held: bool
    damaged_segments: int


def listing(reader: Reader, camera_id: str | None, limit: int) -> list[KeptClip]:
    """The newest first, of one camera or of all; raises StoreError."""
    rows = reader.ask(
        lambda ledger: ledger.execute(
            "SELECT clip_id, camera_id, at, ended_at, bytes, kept_as, acknowledged,"
            " EXISTS (SELECT 1 FROM holds h WHERE h.clip_id = c.clip_id AND released_at IS NULL),"
            " (SELECT count(*) FROM segments s WHERE s.clip_id = c.clip_id AND damaged_at IS NOT NULL)"
            " FROM clips c WHERE removed_at IS NULL AND sha256 IS NOT NULL AND coalesce(?, camera_id) = camera_id"
            " ORDER BY at DESC, seq DESC LIMIT ?",
            (camera_id, limit),
        ).fetchall()
    )
    return [
        KeptClip(clip_id, camera, at, ended_at, size, clips.KEPT_AS[kept_as], bool(told), bool(held), damaged)
        for clip_id, camera, at, ended_at, size, kept_as, told, held, damaged in rows
    ]
