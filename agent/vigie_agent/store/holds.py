"""Holds and pins: what must stay whatever the retention says, until it is released."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from vigie_agent.store.database import stamp
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

HoldKind = Literal["legal", "pin"]
REASON_CHARS_MAX: Final = 200


@dataclass(frozen=True)
class Hold:
    """One reason why a clip stays."""

    clip_id: str
    kind: HoldKind
    reason: str
    until: str | None
    placed_at: str


def place(
    connection: sqlite3.Connection, clip_id: str, kind: HoldKind, reason: str, until: datetime | None, now: datetime
) -> None:
    """Keep a clip; raises StoreError where it is not here (any more), or `until` has passed."""
    known = connection.execute("SELECT 1 FROM clips WHERE clip_id = ? AND removed_at IS NULL", (clip_id,)).fetchone()
    if not known:
        raise StoreError(_("no clip {clip_id} here; it may have been overwritten").format(clip_id=clip_id))
    if until is not None and until <= now:
        raise StoreError(_("a hold until {until} would end at once: name a time to come").format(until=stamp(until)))
    connection.execute(
        "INSERT INTO holds (clip_id, kind, reason, until, placed_at) VALUES (?, ?, ?, ?, ?)",
        (clip_id, kind, reason[:REASON_CHARS_MAX], stamp(until) if until else None, stamp(now)),
    )


def release(connection: sqlite3.Connection, clip_id: str, kind: HoldKind, now: datetime) -> int:
    """End all holds of that kind on a clip; how many there were."""
    return connection.execute(
        "UPDATE holds SET released_at = ? WHERE clip_id = ? AND kind = ? AND released_at IS NULL",
        (stamp(now), clip_id, kind),
    ).rowcount


def lapse(connection: sqlite3.Connection, now: datetime) -> int:
    """End the holds whose time has come; not to be asked while the clock is in doubt."""
    return connection.execute(
        "UPDATE holds SET released_at = ? WHERE released_at IS NULL AND until <= ?", (stamp(now), stamp(now))
    ).rowcount


def standing(connection: sqlite3.Connection) -> list[Hold]:
    """All holds that count now."""
    rows = connection.execute(
        "SELECT clip_id, kind, reason, until, placed_at FROM holds WHERE released_at IS NULL ORDER BY hold_id"
    )
    return [Hold(*row) for row in rows]


def held_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of clips that are held."""
    (size,) = connection.execute(
        "SELECT coalesce(sum(bytes), 0) FROM clips WHERE removed_at IS NULL"
        " AND clip_id IN (SELECT clip_id FROM holds WHERE released_at IS NULL)"
    ).fetchone()
    return int(size)
