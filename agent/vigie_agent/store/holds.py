"""Holds and pins: what must stay whatever the retention says, until it is released."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vigie_agent.store.database import stamp
from vigie_shared.commands import HoldKind
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

REASON_CHARS_MAX: Final = 200
HUB: Final = "hub"
"""The reason of a hold that the hub placed; it alone knows the real one, and only its own holds are its to end."""


class GoneError(StoreError):
    """The clip is not here any more."""


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
    """Keep a clip; raises GoneError where it is not here (any more), StoreError where `until` has passed."""
    known = connection.execute("SELECT 1 FROM clips WHERE clip_id = ? AND removed_at IS NULL", (clip_id,)).fetchone()
    if not known:
        raise GoneError(_("no clip {clip_id} here; it may have been overwritten").format(clip_id=clip_id))
    if until is not None and until <= now:
        raise StoreError(_("a hold until {until} would end at once: name a time to come").format(until=stamp(until)))
    connection.execute(
        "INSERT INTO holds (clip_id, kind, reason, until, placed_at) VALUES (?, ?, ?, ?, ?)",
        (clip_id, kind, reason[:REASON_CHARS_MAX], stamp(until) if until else None, stamp(now)),
    )


def follow_hub(connection: sqlite3.Connection, clip_id: str, kind: HoldKind, wanted: bool, now: datetime) -> None:
    """Keep a clip because the hub wants it, once however often it asks; or end what it asked for."""
    ours = "clip_id = ? AND kind = ? AND reason = ? AND released_at IS NULL"
    key = (clip_id, kind, HUB)
    if not wanted:
        connection.execute(f"UPDATE holds SET released_at = ? WHERE {ours}", (stamp(now), *key))  # noqa: S608
    elif not connection.execute(f"SELECT 1 FROM holds WHERE {ours}", key).fetchone():  # noqa: S608
        place(connection, clip_id, kind, HUB, None, now)


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
