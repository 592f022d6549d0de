"""Entries of the hotlists: one plate, one reason. Edits are audited, and numbered for the publisher, in the
transaction that makes them.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from vigie_hub.custody import audit
from vigie_hub.database import Database, iso
from vigie_hub.hotlists.wishes import MAIN_LIST, REASON_CHARACTERS_MAX, PlateWish
from vigie_hub.hotlists.wishes import canonical as canonical
from vigie_shared.clock import Clock
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id

_ID_RANDOM_BITS: Final = 40


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    added: int
    known: int
    removed: int


def add(
    connection: sqlite3.Connection, text: str, reason: str, user: str, at: datetime, wish: PlateWish | None = None
) -> str:
    """Look for `text` from now on; returns the entry's id, that of an equal active entry where there is one.

    `wish` has the list and the terms, where they are not the default ones.
    """
    checked = (wish or PlateWish(text, reason)).checked()
    if same := _same(connection, checked):
        return same
    entry_id = unique_id(at)
    _insert(connection, [(entry_id, checked)], user, at)
    audit.record(connection, at, user, "hotlist_added", entry_id)
    return entry_id


def import_all(
    connection: sqlite3.Connection, wishes: Sequence[PlateWish], user: str, at: datetime, *, list_id: str, replace: bool
) -> Imported:
    """Add all `wishes`, which are checked and of that list; with `replace`, what is not among them leaves the list.

    Ids follow each other as the plates do, so that the list stays small on its way.
    """
    wanted = {(wish.text, wish.reason, wish.terms): wish for wish in wishes}
    rows = connection.execute("SELECT * FROM hotlist WHERE list_id = ? AND removed_at IS NULL", (list_id,)).fetchall()
    known = {key: row["entry_id"] for row in rows for key in [_key(row)] if key in wanted}
    fresh = [wish for key, wish in sorted(wanted.items(), key=lambda item: item[0]) if key not in known]
    first = int(unique_id(at), 16)
    first -= max(0, (first & (1 << _ID_RANDOM_BITS) - 1) + len(fresh) - (1 << _ID_RANDOM_BITS))
    _insert(connection, [(f"{first + number:022x}", wish) for number, wish in enumerate(fresh)], user, at)
    gone = [row["entry_id"] for row in rows if _key(row) not in wanted] if replace else []
    _mark_removed(connection, list_id, gone, _("not in the imported list"), at)
    audit.record(connection, at, user, "hotlist_imported", f"{list_id} +{len(fresh)} -{len(gone)}")
    return Imported(len(fresh), len(known), len(gone))


def remove(connection: sqlite3.Connection, entry_id: str, user: str, at: datetime, reason: str = "") -> bool:
    """Look for it no longer; False where no such entry is active. Its alerts stay."""
    if len(reason) > REASON_CHARACTERS_MAX:
        raise CommandError(_("reason: 1 to {most} characters").format(most=REASON_CHARACTERS_MAX))
    row = connection.execute(
        "SELECT list_id FROM hotlist WHERE entry_id = ? AND removed_at IS NULL", (entry_id,)
    ).fetchone()
    if row is None:
        return False
    _mark_removed(connection, row["list_id"], [entry_id], reason, at)
    audit.record(connection, at, user, "hotlist_removed", entry_id)
    return True


def drop(connection: sqlite3.Connection, list_id: str, user: str, at: datetime, reason: str = "") -> int:
    """Look for none of a list's plates any longer, and offer it to agents no more; how many it had."""
    if len(reason) > REASON_CHARACTERS_MAX:
        raise CommandError(_("reason: 1 to {most} characters").format(most=REASON_CHARACTERS_MAX))
    gone = [row["entry_id"] for row in list_active(connection, list_id)]
    _mark_removed(connection, list_id, gone, reason, at)
    if gone:
        audit.record(connection, at, user, "hotlist_dropped", f"{list_id} -{len(gone)}")
    return len(gone)


def keep_age(connection: sqlite3.Connection, list_id: str, check_only_hours: float, user: str, at: datetime) -> None:
    """Make hits of that list good for checking only once an agent's copy is older; makes the list where it is new."""
    _next_change(connection, list_id)
    connection.execute("UPDATE hotlists SET check_only_hours = ? WHERE list_id = ?", (check_only_hours, list_id))
    audit.record(connection, at, user, "hotlist_age_set", f"{list_id} {check_only_hours:g} h")


def list_active(connection: sqlite3.Connection, list_id: str | None = None) -> list[sqlite3.Row]:
    """Active entries, the oldest first."""
    return connection.execute(
        "SELECT * FROM hotlist WHERE removed_at IS NULL AND list_id = coalesce(?, list_id) ORDER BY added_at, entry_id",
        (list_id,),
    ).fetchall()


def wish_of(row: sqlite3.Row) -> PlateWish:
    """What the row was made of."""
    return PlateWish(
        row["text"],
        row["reason"],
        row["list_id"],
        tuple(json.loads(row["rules"])),
        row["category"],
        row["severity"],
        _time(row["valid_from"]),
        _time(row["valid_until"]),
    )


def _key(row: sqlite3.Row) -> tuple[object, ...]:
    wish = wish_of(row)
    return wish.text, wish.reason, wish.terms


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _same(connection: sqlite3.Connection, wish: PlateWish) -> str | None:
    rows = connection.execute(
        "SELECT * FROM hotlist WHERE list_id = ? AND text = ? AND reason = ? AND removed_at IS NULL",
        (wish.list_id, wish.text, wish.reason),
    )
    return next((str(row["entry_id"]) for row in rows if wish_of(row).terms == wish.terms), None)


def _insert(connection: sqlite3.Connection, fresh: Iterable[tuple[str, PlateWish]], user: str, at: datetime) -> None:
    changes: dict[str, int] = {}
    rows = []
    for entry_id, wish in fresh:
        if wish.list_id not in changes:
            changes[wish.list_id] = _next_change(connection, wish.list_id)
        bounds = [bound and iso(bound) for bound in (wish.valid_from, wish.valid_until)]
        rules = json.dumps(wish.rules, ensure_ascii=False)
        terms = (wish.list_id, rules, wish.category, wish.severity, *bounds, changes[wish.list_id])
        rows.append((entry_id, wish.text, wish.reason, iso(at), user, *terms))
    connection.executemany(
        "INSERT INTO hotlist (entry_id, text, reason, added_at, added_by, list_id, rules, category, severity,"
        " valid_from, valid_until, change) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )


def _mark_removed(
    connection: sqlite3.Connection, list_id: str, entry_ids: Sequence[str], reason: str, at: datetime
) -> None:
    if entry_ids:
        change = _next_change(connection, list_id)
        connection.executemany(
            "UPDATE hotlist SET removed_at = ?, removed_reason = ?, change = ? WHERE entry_id = ?",
            [(iso(at), reason, change, entry_id) for entry_id in entry_ids],
        )


def _next_change(connection: sqlite3.Connection, list_id: str) -> int:
    """The number of the edit that is being made; the first one makes the list."""
    row = connection.execute(
        "INSERT INTO hotlists (list_id, change) VALUES (?, 1)"
        " ON CONFLICT (list_id) DO UPDATE SET change = change + 1 RETURNING change",
        (list_id,),
    ).fetchone()
    return int(row["change"])


class Hotlist:
    """The hotlists, for those who wait on the event loop."""

    def __init__(self, database: Database, clock: Clock, tell: Callable[[Literal["hotlist"]], None]) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell

    async def add(self, text: str, reason: str, user: str, wish: PlateWish | None = None) -> str:
        """Look for `text` from now on; returns the entry's id. Raises CommandError where that cannot be."""
        now = self._clock.now()
        entry_id = await self._database.write(lambda connection: add(connection, text, reason, user, now, wish))
        self._tell("hotlist")
        return entry_id

    async def remove(self, entry_id: str, user: str, reason: str = "") -> bool:
        """Look for it no longer; False where no such entry is active."""
        now = self._clock.now()
        removed = await self._database.write(lambda connection: remove(connection, entry_id, user, now, reason))
        self._tell("hotlist")
        return removed


__all__ = [
    "MAIN_LIST",
    "Hotlist",
    "Imported",
    "PlateWish",
    "add",
    "canonical",
    "drop",
    "import_all",
    "keep_age",
    "remove",
]
