"""What a start does about how the last run ended: open clips are finished, bytes without a name find one or go."""

import hashlib
import json
import sqlite3
from datetime import datetime

import structlog

from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import clips
from vigie_agent.store.clips import PlacedSegment, Segment
from vigie_agent.store.retention import remove
from vigie_agent.store.volumes import Place, StoredSegment, Volumes
from vigie_shared.events import ClipStored

log = structlog.get_logger(__name__)


def recover(connection: sqlite3.Connection, volumes: Volumes, now: datetime) -> int:
    """Finish what was being recorded; how many clips. Raises sqlite3.Error where the disk refuses."""
    (last_row,) = connection.execute("SELECT last_row FROM meta").fetchone()
    homeless: list[Place] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for stored in volumes.unnamed(last_row):
            if not _adopt(connection, volumes, stored, now):
                homeless.append(stored.place)
        finished = sum(finish_open(connection, volumes, clip_id, now) for clip_id in clips.unfinished(connection))
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    volumes.erase(homeless)
    volumes.commit()
    volumes.accept()
    if finished:
        log.info("clips of the last run finished", clips=finished)
    return finished


def finish_open(connection: sqlite3.Connection, volumes: Volumes, clip_id: str, now: datetime) -> bool:
    """Give an open clip the digest of what is there of it; False where that is nothing that plays."""
    begun = clips.begun(connection, clip_id)
    found = clips.segments(connection, clip_id)
    whole, sound = hashlib.sha256(), 0
    for segment in found:
        data = volumes.read(segment.place)
        if data is None or hashlib.sha256(data).digest() != segment.sha256:
            break
        whole.update(data)
        sound += 1
    _drop_from(connection, clip_id, found[sound:])
    if begun is None or sound < 2:
        _forget(connection, clip_id, now)
        return False
    size, ended_at = connection.execute("SELECT bytes, ended_at FROM clips WHERE clip_id = ?", (clip_id,)).fetchone()
    clips.finish(connection, promised(begun, size, whole.hexdigest(), datetime.fromisoformat(ended_at)), now)
    return True


def promised(begun: ClipBegun, size: int, sha256: str, ended_at: datetime) -> ClipStored:
    """What the hub is told of a clip."""
    return ClipStored(
        at=begun.at,
        camera_id=begun.camera_id,
        clip_id=begun.clip_id,
        motion_id=begun.motion_id,
        ended_at=max(ended_at, begun.at),
        bytes=size,
        sha256=sha256,
        codec=begun.codec,
        width_px=begun.width_px,
        height_px=begun.height_px,
    )


def about_begun(about: str | None) -> ClipBegun | None:
    """What the first row of a clip says of it."""
    if about is None or json.loads(about).get("kind") is not None:
        return None
    return ClipBegun.model_validate_json(about)


def _adopt(connection: sqlite3.Connection, volumes: Volumes, stored: StoredSegment, now: datetime) -> bool:
    """Name a segment whose ledger row the crash prevented, where it continues its clip."""
    begun = clips.begun(connection, stored.clip_id) or about_begun(stored.about)
    is_next = stored.idx == len(clips.segments(connection, stored.clip_id))
    data = volumes.read(stored.place)
    if begun is None or not is_next or data is None or clips.promise(connection, stored.clip_id):
        return False
    if hashlib.sha256(data).digest() != stored.sha256:
        return False
    placed = PlacedSegment(stored.idx, stored.place, len(data), stored.sha256)
    clips.add_segment(connection, begun, placed, data, now)
    return True


def _drop_from(connection: sqlite3.Connection, clip_id: str, gone: list[Segment]) -> None:
    for segment in gone:
        connection.execute("DELETE FROM segments WHERE clip_id = ? AND idx = ?", (clip_id, segment.idx))
        connection.execute("INSERT INTO erasures (volume, row, size) VALUES (?, ?, ?)", (*segment.place, segment.size))
        connection.execute("UPDATE clips SET bytes = bytes - ? WHERE clip_id = ?", (segment.size, clip_id))


def _forget(connection: sqlite3.Connection, clip_id: str, now: datetime) -> None:
    """Nobody has heard of this clip: nobody needs to hear that it is gone."""
    remove(connection, clip_id, "overwritten", now)
    connection.execute("DELETE FROM ledger WHERE clip_id = ?", (clip_id,))
    connection.execute("DELETE FROM holds WHERE clip_id = ?", (clip_id,))
    connection.execute("DELETE FROM clips WHERE clip_id = ?", (clip_id,))
