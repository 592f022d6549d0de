"""Signed values of lists, in the table that is written before the bucket is."""

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, NamedTuple

from vigie_hub.database import iso
from vigie_hub.hotlists.book import Value
from vigie_hub.hotlists.entries import wish_of
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry

PUT_AT_ONCE: Final = 64


class Standing(NamedTuple):
    """What is known of one list, and what its publisher has not told yet."""

    list_id: str
    change: int
    told_change: int
    version: int
    check_only_seconds: int
    issued_at: datetime | None

    @property
    def is_told(self) -> bool:
        """Whether the newest version tells of every edit."""
        return self.change == self.told_change and self.version > 0


def standings(connection: sqlite3.Connection) -> list[Standing]:
    """Every list."""
    return [
        Standing(
            row["list_id"],
            row["change"],
            row["told_change"],
            row["version"],
            max(1, int(row["check_only_hours"] * 3600)),
            datetime.fromisoformat(row["issued_at"]) if row["issued_at"] else None,
        )
        for row in connection.execute("SELECT * FROM hotlists ORDER BY list_id")
    ]


def changes(connection: sqlite3.Connection, standing: Standing) -> tuple[list[str], Columns]:
    """Ids that left the list since its version, and entries that came; all that there are where it has none."""
    told = standing.told_change if standing.version else 0
    rows = connection.execute(
        "SELECT * FROM hotlist WHERE list_id = ? AND change > ? AND change <= ?",
        (standing.list_id, told, standing.change),
    ).fetchall()
    gone = [row["entry_id"] for row in rows if row["removed_at"] is not None]
    return gone, _columns(row for row in rows if row["removed_at"] is None)


def all_active(connection: sqlite3.Connection, list_id: str) -> Columns:
    """The list as it is now."""
    return _columns(connection.execute("SELECT * FROM hotlist WHERE list_id = ? AND removed_at IS NULL", (list_id,)))


def _columns(rows: Iterable[sqlite3.Row]) -> Columns:
    return Columns.of(Entry(row["text"], row["entry_id"], wish_of(row).terms) for row in rows)


def load(connection: sqlite3.Connection, list_id: str) -> dict[str, bytes]:
    """All values of a list."""
    rows = connection.execute("SELECT key, data FROM hotlist_values WHERE list_id = ?", (list_id,))
    return {row["key"]: row["data"] for row in rows}


def keep(
    connection: sqlite3.Connection,
    standing: Standing,
    values: Iterable[Value],
    at: datetime | None,
    is_spent: Callable[[str], bool],
) -> list[str]:
    """Write what is to be published, and up to which edit it tells; returns the keys that are spent."""
    made = list(values)
    connection.executemany(
        "INSERT OR REPLACE INTO hotlist_values (key, list_id, version, place, data) VALUES (?, ?, ?, ?, ?)",
        [(value.key, standing.list_id, value.version, value.place, value.data) for value in made],
    )
    keys = connection.execute("SELECT key FROM hotlist_values WHERE list_id = ?", (standing.list_id,)).fetchall()
    spent = [row["key"] for row in keys if is_spent(row["key"])]
    connection.executemany("DELETE FROM hotlist_values WHERE key = ?", [(key,) for key in spent])
    connection.execute(
        "UPDATE hotlists SET told_change = ?, version = coalesce(?, version), issued_at = coalesce(?, issued_at)"
        " WHERE list_id = ?",
        (standing.change, made[-1].version if made else None, at and iso(at), standing.list_id),
    )
    return spent


def keep_catalog(connection: sqlite3.Connection, made: Iterable[Value]) -> None:
    """Write which lists there are."""
    connection.executemany(
        "INSERT OR REPLACE INTO hotlist_values (key, list_id, version, place, data) VALUES (?, ?, ?, ?, ?)",
        [(value.key, value.key, value.version, value.place, value.data) for value in made],
    )


def waiting(connection: sqlite3.Connection) -> list[Value]:
    """Values that the bucket lacks, heads after what they name, the catalog last."""
    rows = connection.execute(
        "SELECT * FROM hotlist_values WHERE put_at IS NULL ORDER BY place, version, key LIMIT ?", (PUT_AT_ONCE,)
    )
    return [Value(row["key"], row["version"], row["place"], row["data"]) for row in rows]


def note_put(connection: sqlite3.Connection, put: Iterable[Value], at: datetime) -> None:
    """The bucket has them."""
    connection.executemany(
        "UPDATE hotlist_values SET put_at = ? WHERE key = ? AND data = ?",
        [(iso(at), value.key, value.data) for value in put],
    )


def put_again(connection: sqlite3.Connection, list_id: str) -> None:
    """The bucket may have lost them."""
    connection.execute("UPDATE hotlist_values SET put_at = NULL WHERE list_id = ?", (list_id,))
