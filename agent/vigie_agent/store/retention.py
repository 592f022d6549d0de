"""Retention: which clips must go, in which order, and what is said about it (docs/design/clip-store.md, Classes)."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from vigie_agent.store import clips, outbox
from vigie_agent.store.database import stamp
from vigie_agent.store.volumes import Place
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id

EXPIRED_A_ROUND_MAX: Final = 200
_NOT_HELD: Final = "NOT EXISTS (SELECT 1 FROM holds h WHERE h.clip_id = c.clip_id AND h.released_at IS NULL)"
_NEXT_TO_GO: Final = (
    "SELECT clip_id, camera_id, at, ended_at, bytes, acknowledged FROM clips c"  # noqa: S608
    f" WHERE removed_at IS NULL AND sha256 IS NOT NULL AND {_NOT_HELD} AND clip_id <> :spare"
    " AND (:kept_as IS NULL OR kept_as = :kept_as)"
    " ORDER BY acknowledged DESC, kept_as, seq LIMIT 1"
)

SignGap = Callable[[GapRecorded], GapRecorded]


@dataclass(frozen=True)
class Keep:
    """How long one class of clips is kept, and how much of the room it may take."""

    days: float
    share: float = 1.0


@dataclass(frozen=True)
class Limits:
    """What `[clips]` allows; `classes` in the order of `clips.KEPT_AS`."""

    keep_bytes_max: int
    free_bytes_min: int = 0
    classes: tuple[Keep, ...] = (Keep(30), Keep(60), Keep(90))

    def allowed_bytes(self, kept_bytes: int, available_bytes: int | None) -> int:
        """Most bytes that may be kept now; a disk that cannot be asked allows no more, and no less."""
        if available_bytes is None:
            return self.keep_bytes_max
        return max(0, min(self.keep_bytes_max, kept_bytes + available_bytes - self.free_bytes_min))


class HoldsFillStoreError(StoreError):
    """All that is kept is held, and there is no room left."""


@dataclass(frozen=True)
class Room:
    """Makes room in the ledger; the bytes leave their volumes afterwards."""

    limits: Limits
    sign: SignGap

    def make(
        self,
        connection: sqlite3.Connection,
        available_bytes: int | None,
        now: datetime,
        spare: str = "",
        extra: int = 0,
    ) -> int:
        """Remove clips until what is kept, and `extra`, is allowed; how many went. Never `spare`.

        Raises HoldsFillStoreError where `spare` finds no room beside clips that are held.
        """
        removed = self._within_shares(connection, spare, now)
        kept_bytes = clips.counts(connection)[1]
        allowed = self.limits.allowed_bytes(kept_bytes, available_bytes)
        if extra:  # the disk is full, whatever it says of its free space
            allowed = min(allowed, kept_bytes)
        while kept_bytes + extra > allowed:
            size = self._remove_next(connection, spare, None, now)
            if not size:
                break
            kept_bytes -= size
            removed += 1
        own_bytes = (clips.promise(connection, spare) or (0, ""))[0] if spare else 0
        if spare and kept_bytes - own_bytes >= allowed > 0:
            raise HoldsFillStoreError(_("clips on hold fill the store: release some, or raise clips.keep_bytes_max"))
        return removed

    def expire(self, connection: sqlite3.Connection, now: datetime) -> int:
        """Remove acknowledged clips that are older than their class is kept; how many went."""
        removed = 0
        for kept_as, keep in enumerate(self.limits.classes):
            before = stamp(now - timedelta(days=keep.days))
            rows = connection.execute(
                "SELECT clip_id FROM clips c WHERE removed_at IS NULL AND sha256 IS NOT NULL AND acknowledged = 1"  # noqa: S608
                f" AND kept_as = ? AND ended_at < ? AND {_NOT_HELD} ORDER BY seq LIMIT ?",
                (kept_as, before, EXPIRED_A_ROUND_MAX),
            ).fetchall()
            for (clip_id,) in rows:
                clips.reach(connection, clip_id, "expirable", now)
                remove(connection, clip_id, "expired", now)
            removed += len(rows)
        return removed

    def _within_shares(self, connection: sqlite3.Connection, spare: str, now: datetime) -> int:
        """No class takes more than its share."""
        removed = 0
        for kept_as, keep in enumerate(self.limits.classes):
            if keep.share >= 1:
                continue
            taken = _bytes_of_class(connection, kept_as)
            while taken > keep.share * self.limits.keep_bytes_max:
                size = self._remove_next(connection, spare, kept_as, now)
                if not size:
                    break
                taken -= size
                removed += 1
        return removed

    def _remove_next(self, connection: sqlite3.Connection, spare: str, kept_as: int | None, now: datetime) -> int:
        """Remove the clip whose turn it is; its size, 0 where none may go."""
        row = connection.execute(_NEXT_TO_GO, {"spare": spare, "kept_as": kept_as}).fetchone()
        if row is None:
            return 0
        clip_id, camera_id, at, ended_at, size, acknowledged = row
        remove(connection, clip_id, "expired" if acknowledged else "overwritten", now)
        if not acknowledged:
            gap = GapRecorded(
                at=at,
                camera_id=camera_id,
                gap_id=unique_id(now),
                ended_at=ended_at,
                reason="overwritten",
                clip_id=clip_id,
            )
            outbox.append(connection, self.sign(gap))
        return int(size)


def remove(connection: sqlite3.Connection, clip_id: str, state: str, now: datetime) -> None:
    """Take a clip out of the ledger; its bytes are listed for erasure."""
    connection.execute(
        "INSERT INTO erasures (volume, row, size) SELECT volume, row, size FROM segments"
        " WHERE clip_id = ? AND volume <> ?",
        (clip_id, clips.OLD_VOLUME),
    )
    old = connection.execute(
        "SELECT row FROM segments WHERE clip_id = ? AND volume = ?", (clip_id, clips.OLD_VOLUME)
    ).fetchall()
    if old:
        connection.executemany("DELETE FROM old_segments WHERE segment_id = ?", old)
    connection.execute("DELETE FROM segments WHERE clip_id = ?", (clip_id,))
    connection.execute(
        "UPDATE clips SET removed_at = ?, init = NULL WHERE clip_id = ?",
        (stamp(now), clip_id),
    )
    clips.reach(connection, clip_id, state, now)


def pending_erasures(connection: sqlite3.Connection, limit: int) -> list[Place]:
    """Bytes that are still to leave their volume."""
    rows = connection.execute("SELECT volume, row FROM erasures ORDER BY volume, row LIMIT ?", (limit,))
    return [Place(*row) for row in rows]


def pending_erasure_bytes(connection: sqlite3.Connection) -> int:
    """How much room their erasure will give."""
    return int(connection.execute("SELECT coalesce(sum(size), 0) FROM erasures").fetchone()[0])


def erased(connection: sqlite3.Connection, places: list[Place]) -> None:
    """They have left."""
    connection.executemany("DELETE FROM erasures WHERE volume = ? AND row = ?", places)


def _bytes_of_class(connection: sqlite3.Connection, kept_as: int) -> int:
    (size,) = connection.execute(
        "SELECT coalesce(sum(bytes), 0) FROM clips WHERE removed_at IS NULL AND sha256 IS NOT NULL AND kept_as = ?",
        (kept_as,),
    ).fetchone()
    return int(size)
