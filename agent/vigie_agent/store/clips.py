"""Clips: their bytes as segment rows, their manifest, and which of them must go."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from vigie_agent.store import outbox
from vigie_agent.store.database import stamp
from vigie_shared.events import ClipStored, GapRecorded
from vigie_shared.ids import unique_id
from vigie_shared.transfer import Manifest, block_bytes_for

_DIGEST_BYTES = 32


def insert(
    connection: sqlite3.Connection,
    stored: ClipStored,
    segments: Sequence[bytes],
    block_sha256: Sequence[str],
    now: datetime,
) -> None:
    """Write a clip whole: event, outbox row, clip, segments and ledger."""
    seq = outbox.append(connection, stored)
    connection.execute(
        "INSERT INTO clips (clip_id, camera_id, at, ended_at, seq, bytes, sha256, block_sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stored.clip_id,
            stored.camera_id,
            stamp(stored.at),
            stamp(stored.ended_at),
            seq,
            stored.bytes,
            stored.sha256,
            bytes.fromhex("".join(block_sha256)),
        ),
    )
    first_byte = 0
    for idx, data in enumerate(segments):
        connection.execute(
            "INSERT INTO segments (clip_id, idx, first_byte, size, bytes) VALUES (?, ?, ?, ?, ?)",
            (stored.clip_id, idx, first_byte, len(data), data),
        )
        first_byte += len(data)
    connection.executemany(
        "INSERT INTO ledger (clip_id, state, at) VALUES (?, ?, ?)",
        [(stored.clip_id, state, stamp(now)) for state in ("recorded", "hashed", "indexed")],
    )


def make_room(connection: sqlite3.Connection, keep_bytes_max: int, spare: str, now: datetime) -> None:
    """Remove clips until at most `keep_bytes_max` are kept: acknowledged ones first, oldest first, never `spare`."""
    kept_bytes = counts(connection)[1]
    while kept_bytes > keep_bytes_max:
        row = connection.execute(
            "SELECT c.clip_id, camera_id, c.at, ended_at, bytes, l.state IS NOT NULL FROM clips c"
            " LEFT JOIN ledger l ON l.clip_id = c.clip_id AND l.state = 'acknowledged'"
            " WHERE removed_at IS NULL AND c.clip_id <> ? ORDER BY l.state IS NULL, c.at LIMIT 1",
            (spare,),
        ).fetchone()
        if row is None:
            return
        clip_id, camera_id, at, ended_at, size, acknowledged = row
        _remove(connection, clip_id, "expired" if acknowledged else "overwritten", now)
        if not acknowledged:
            gap = GapRecorded(
                at=at, camera_id=camera_id, gap_id=unique_id(now), ended_at=ended_at, reason="overwritten"
            )
            outbox.append(connection, gap)
        kept_bytes -= size


def _remove(connection: sqlite3.Connection, clip_id: str, state: str, now: datetime) -> None:
    connection.execute("DELETE FROM segments WHERE clip_id = ?", (clip_id,))
    connection.execute("UPDATE clips SET removed_at = ? WHERE clip_id = ?", (stamp(now), clip_id))
    connection.execute("INSERT INTO ledger (clip_id, state, at) VALUES (?, ?, ?)", (clip_id, state, stamp(now)))


def counts(connection: sqlite3.Connection) -> tuple[int, int]:
    """How many clips are kept, and their bytes."""
    count, size = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM clips WHERE removed_at IS NULL"
    ).fetchone()
    return count, size


def manifest(connection: sqlite3.Connection, clip_id: str) -> Manifest | None:
    """What a kept clip is; None where it is not kept."""
    row = connection.execute(
        "SELECT bytes, sha256, block_sha256 FROM clips WHERE clip_id = ? AND removed_at IS NULL", (clip_id,)
    ).fetchone()
    if row is None:
        return None
    size, sha256, blocks = row
    return Manifest(
        clip_id=clip_id,
        bytes=size,
        sha256=sha256,
        block_bytes=block_bytes_for(size),
        block_sha256=tuple(blocks[at : at + _DIGEST_BYTES].hex() for at in range(0, len(blocks), _DIGEST_BYTES)),
    )


def segment_at(connection: sqlite3.Connection, clip_id: str, offset: int) -> tuple[int, bytes] | None:
    """Place and bytes of the segment that holds byte `offset` of a clip; None where there is none."""
    row: tuple[int, bytes] | None = connection.execute(
        "SELECT first_byte, bytes FROM segments WHERE clip_id = ? AND first_byte <= ? AND first_byte + size > ?",
        (clip_id, offset, offset),
    ).fetchone()
    return row
