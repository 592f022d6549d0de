"""Entries of the hotlist: one plate, one reason. Edits are audited in the transaction that makes them."""

import sqlite3
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

from vigie_hub.custody import audit
from vigie_hub.database import Database, iso
from vigie_shared.clock import Clock
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id
from vigie_shared.plates import FOREIGN, parse

TEXT_CHARACTERS_MAX: Final = 32
REASON_CHARACTERS_MAX: Final = 300


def canonical(text: str) -> tuple[str, bool]:
    """The text under which a plate is compared, and whether its country is known.

    A foreign plate is kept as the agents would read it: capitals and digits, without its country. Raises CommandError
    where there is no plate.
    """
    plate = parse(text)
    if plate is not None:
        return plate.text, True
    if abroad := parse(text, FOREIGN):
        return abroad.serial, False
    foreign = "".join(unicodedata.normalize("NFKC", text).upper().split())
    if not foreign or len(foreign) > TEXT_CHARACTERS_MAX or not any(char.isalnum() for char in foreign):
        raise CommandError(_("plate: 1 to {most} letters and digits").format(most=TEXT_CHARACTERS_MAX))
    return foreign, False


def add(connection: sqlite3.Connection, text: str, reason: str, user: str, at: datetime) -> str:
    """Look for `text` from now on; returns the entry's id, that of an equal active entry where there is one."""
    plate, _known = canonical(text)
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise CommandError(_("reason: 1 to {most} characters").format(most=REASON_CHARACTERS_MAX))
    same = connection.execute(
        "SELECT entry_id FROM hotlist WHERE text = ? AND reason = ? AND removed_at IS NULL", (plate, reason)
    ).fetchone()
    if same is not None:
        return str(same["entry_id"])
    entry_id = unique_id(at)
    connection.execute(
        "INSERT INTO hotlist (entry_id, text, reason, added_at, added_by) VALUES (?, ?, ?, ?, ?)",
        (entry_id, plate, reason, iso(at), user),
    )
    audit.record(connection, at, user, "hotlist_added", entry_id)
    return entry_id


def remove(connection: sqlite3.Connection, entry_id: str, user: str, at: datetime) -> bool:
    """Look for it no longer; False where no such entry is active. Its alerts stay."""
    removed = connection.execute(
        "UPDATE hotlist SET removed_at = ? WHERE entry_id = ? AND removed_at IS NULL", (iso(at), entry_id)
    ).rowcount
    if removed:
        audit.record(connection, at, user, "hotlist_removed", entry_id)
    return removed > 0


def list_active(connection: sqlite3.Connection) -> list[sqlite3.Row]:
    """Active entries, the oldest first."""
    return connection.execute("SELECT * FROM hotlist WHERE removed_at IS NULL ORDER BY added_at, entry_id").fetchall()


class Hotlist:
    """The hotlist, for those who wait on the event loop."""

    def __init__(self, database: Database, clock: Clock, tell: Callable[[Literal["hotlist"]], None]) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell

    async def add(self, text: str, reason: str, user: str) -> str:
        """Look for `text` from now on; returns the entry's id. Raises CommandError where that cannot be."""
        now = self._clock.now()
        entry_id = await self._database.write(lambda connection: add(connection, text, reason, user, now))
        self._tell("hotlist")
        return entry_id

    async def remove(self, entry_id: str, user: str) -> bool:
        """Look for it no longer; False where no such entry is active."""
        now = self._clock.now()
        removed = await self._database.write(lambda connection: remove(connection, entry_id, user, now))
        self._tell("hotlist")
        return removed
