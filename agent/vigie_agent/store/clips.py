"""Clips in the ledger: opened by their first segment, finished with their event, and what they are afterwards."""

import hashlib
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from vigie_agent.clips import fragments
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import outbox
from vigie_agent.store.database import stamp
from vigie_agent.store.volumes import Place
from vigie_shared.events import ClipStored

KEPT_AS: Final = ("motion", "plate", "alert")
"""By what a clip is kept, as the ledger numbers it: the higher, the longer."""
INIT_BYTES_MAX: Final = 64 * 1024
OLD_VOLUME: Final = 0


@dataclass(frozen=True, slots=True)
class PlacedSegment:
    """A segment whose bytes are durable, on its way into the ledger."""

    idx: int
    place: Place
    size: int
    sha256: bytes


class Segment(NamedTuple):
    """A segment of a clip, as the ledger says."""

    idx: int
    place: Place
    first_byte: int
    size: int
    sha256: bytes | None
    starts_ms: int | None
    damaged_at: str | None

    def is_sound(self, data: bytes) -> bool:
        """Whether `data` is what was stored, as far as can be told."""
        return len(data) == self.size and (self.sha256 is None or hashlib.sha256(data).digest() == self.sha256)


def add_segment(
    connection: sqlite3.Connection, begun: ClipBegun, placed: PlacedSegment, data: bytes, now: datetime
) -> None:
    """Name a segment; the first one opens its clip, of which nobody hears yet."""
    if not (
        found := connection.execute("SELECT bytes, init FROM clips WHERE clip_id = ?", (begun.clip_id,)).fetchone()
    ):
        init = data if placed.idx == 0 and len(data) <= INIT_BYTES_MAX else None
        _begin(connection, begun, init, now)
        found = (0, None)
    first_byte, init = found
    span = fragments.span(fragments.timescale(init), data) if init else None
    connection.execute(
        "INSERT INTO segments (clip_id, idx, volume, row, first_byte, size, sha256, starts_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (begun.clip_id, placed.idx, *placed.place, first_byte, placed.size, placed.sha256, span and span.starts_ms),
    )
    # one unit of a group may have disowned what the next one of it names
    connection.execute("DELETE FROM erasures WHERE volume = ? AND row = ?", placed.place)
    ended = stamp_after(begun.at, span.ends_ms) if span else None
    connection.execute(
        "UPDATE clips SET bytes = bytes + ?, ended_at = coalesce(?, ended_at) WHERE clip_id = ?",
        (placed.size, ended, begun.clip_id),
    )
    connection.execute("UPDATE meta SET last_row = max(last_row, ?)", (placed.place.row,))


def _begin(connection: sqlite3.Connection, begun: ClipBegun, init: bytes | None, now: datetime) -> None:
    at = stamp(begun.at)
    connection.execute(
        "INSERT INTO clips (clip_id, camera_id, motion_id, at, ended_at, codec, width_px, height_px, kept_as, init)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, CASE WHEN EXISTS (SELECT 1 FROM hits WHERE motion_id = ?9) THEN 2"
        " ELSE EXISTS (SELECT 1 FROM crops WHERE motion_id = ?9) END, ?10)",
        (
            begun.clip_id,
            begun.camera_id,
            begun.motion_id,
            at,
            at,
            begun.codec,
            begun.width_px,
            begun.height_px,
            begun.motion_id,
            init,
        ),
    )
    reach(connection, begun.clip_id, "recorded", now)


def finish(connection: sqlite3.Connection, stored: ClipStored, now: datetime) -> int:
    """All segments are named: give the clip its digest and tell the hub. The sequence of its event."""
    seq = outbox.append(connection, stored)
    connection.execute(
        "UPDATE clips SET seq = ?, sha256 = ?, ended_at = ? WHERE clip_id = ?",
        (seq, stored.sha256, stamp(stored.ended_at), stored.clip_id),
    )
    for state in ("hashed", "indexed"):
        reach(connection, stored.clip_id, state, now)
    return seq


def reach(connection: sqlite3.Connection, clip_id: str, state: str, at: datetime) -> None:
    """Note when a clip reached a state, the first time."""
    connection.execute(
        "INSERT OR IGNORE INTO ledger (clip_id, state, at) VALUES (?, ?, ?)", (clip_id, state, stamp(at))
    )


def segments(connection: sqlite3.Connection, clip_id: str) -> list[Segment]:
    """The segments of a clip, in order."""
    found = connection.execute(
        "SELECT idx, volume, row, first_byte, size, sha256, starts_ms, damaged_at FROM segments WHERE clip_id = ?"
        " ORDER BY idx",
        (clip_id,),
    )
    return [Segment(idx, Place(volume, row), *rest) for idx, volume, row, *rest in found]


def begun(connection: sqlite3.Connection, clip_id: str) -> ClipBegun | None:
    """What a kept clip is; None where it is not kept."""
    row = connection.execute(
        "SELECT clip_id, motion_id, camera_id, at, codec, width_px, height_px FROM clips"
        " WHERE clip_id = ? AND removed_at IS NULL",
        (clip_id,),
    ).fetchone()
    return ClipBegun(**dict(zip(ClipBegun.model_fields, row, strict=True))) if row else None


def init(connection: sqlite3.Connection, clip_id: str) -> bytes | None:
    """The ledger's copy of a clip's init segment."""
    row = connection.execute("SELECT init FROM clips WHERE clip_id = ?", (clip_id,)).fetchone()
    return bytes(row[0]) if row and row[0] is not None else None


def unfinished(connection: sqlite3.Connection) -> list[str]:
    """Clips that were being recorded."""
    rows = connection.execute("SELECT clip_id FROM clips WHERE sha256 IS NULL AND removed_at IS NULL")
    return [clip_id for (clip_id,) in rows]


def keep_as(connection: sqlite3.Connection, clip_id: str, kept_as: str) -> bool:
    """Raise the class of a clip; False where it is not kept."""
    updated = connection.execute(
        "UPDATE clips SET kept_as = max(kept_as, ?) WHERE clip_id = ? AND removed_at IS NULL",
        (KEPT_AS.index(kept_as), clip_id),
    )
    return updated.rowcount > 0


def note_plate(connection: sqlite3.Connection, motion_id: str | None) -> None:
    """A plate was read: the clips of its motion that are here are kept as such."""
    if motion_id is not None:
        connection.execute("UPDATE clips SET kept_as = max(kept_as, 1) WHERE motion_id = ?", (motion_id,))


def counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many clips are kept, and their bytes."""
    count, size = connection.execute("SELECT count, bytes FROM totals WHERE what = 'clips'").fetchone()
    return count, size


def promise(connection: sqlite3.Connection, clip_id: str) -> tuple[int, str] | None:
    """Size and digest of a finished clip that is kept, as the hub was told; None where there is none."""
    row: tuple[int, str] | None = connection.execute(
        "SELECT bytes, sha256 FROM clips WHERE clip_id = ? AND removed_at IS NULL AND sha256 IS NOT NULL", (clip_id,)
    ).fetchone()
    return row


def old_bytes(connection: sqlite3.Connection, row: int) -> bytes | None:
    """The bytes of a segment that was stored under the first schema."""
    found = connection.execute("SELECT bytes FROM old_segments WHERE segment_id = ?", (row,)).fetchone()
    return bytes(found[0]) if found else None


def stamp_after(at: datetime, milliseconds: int) -> str:
    """That many milliseconds after `at`, as the database keeps it."""
    return stamp(at + timedelta(milliseconds=milliseconds))
