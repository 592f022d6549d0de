"""Hits in the ledger, and the plate reads among which more of them are looked for; and how reads are erased."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple

from vigie_agent.store import outbox
from vigie_agent.store.database import FILE_NAME, open_reader, open_writer, stamp
from vigie_agent.store.lock import StoreLock
from vigie_shared.errors import StoreError
from vigie_shared.events import PlateHit, PlateRead
from vigie_shared.i18n import gettext as _

_READS: Final = "kind IN ('plate_read', 'plate_pictured')"
_NON_HITS: Final = "read_id NOT IN (SELECT read_id FROM hits)"
_ALERT: Final = 2
"""`clips.KEPT_AS`: as an alert."""


class StoredRead(NamedTuple):
    """What matching needs of a read, and where the rest is."""

    event_id: int
    at: str
    text: str
    uncertain: bool

    @property
    def seen_at(self) -> datetime:
        """When it was read off."""
        return datetime.fromisoformat(self.at)


def append(connection: sqlite3.Connection, found: Sequence[PlateHit], crop_jpeg: bytes) -> int:
    """Write those hits that are new, with the read's picture; clips of its motion are kept as of an alert."""
    new = 0
    for hit in found:
        read = hit.read
        new += (
            fresh := connection.execute(
                "INSERT OR IGNORE INTO hits (read_id, entry_id, motion_id, at) VALUES (?, ?, ?, ?)",
                (read.read_id, hit.entry_id, read.motion_id, stamp(read.at)),
            ).rowcount
        )
        if not fresh:
            continue
        outbox.append(connection, hit)
        connection.execute(
            "INSERT OR IGNORE INTO crops (read_id, at, jpeg, motion_id) VALUES (?, ?, ?, ?)",
            (read.read_id, stamp(read.at), crop_jpeg, read.motion_id),
        )
        connection.execute("UPDATE clips SET kept_as = ? WHERE motion_id = ?", (_ALERT, read.motion_id))
    return new


def forget(connection: sqlite3.Connection, before: datetime, limit: int) -> None:
    """Remove pairs older than that, at most `limit`: of reads that cannot be matched again, and without a picture."""
    connection.execute(
        "DELETE FROM hits WHERE (read_id, entry_id) IN (SELECT read_id, entry_id FROM hits"
        " WHERE at < ? AND at < coalesce((SELECT at FROM events ORDER BY event_id LIMIT 1), '9999')"
        " AND read_id NOT IN (SELECT read_id FROM crops) LIMIT ?)",
        (stamp(before), limit),
    )


class StoredReads:
    """The reads that the store has, the newest first; its own connection, which never blocks the writer."""

    def __init__(self, data_dir: Path) -> None:
        self._connection = open_reader(data_dir)

    def before(self, event_id: int | None, since: datetime, limit: int) -> list[StoredRead]:
        """At most `limit` reads that were stored before `event_id`, none older than `since`; raises StoreError."""
        try:
            rows = self._connection.execute(
                "SELECT event_id, at, json_extract(body, '$.text'), json_extract(body, '$.uncertain') FROM events"
                " WHERE kind = 'plate_read' AND event_id < ? ORDER BY event_id DESC LIMIT ?",
                (event_id or 1 << 62, limit),
            ).fetchall()
        except sqlite3.Error as error:
            raise StoreError(_("the store cannot be read: {reason}").format(reason=error)) from error
        return [StoredRead(number, at, text, bool(unsure)) for number, at, text, unsure in rows if at >= stamp(since)]

    def read(self, event_id: int) -> tuple[PlateRead, bytes] | None:
        """A read whole, and its picture; None where it has left meanwhile."""
        try:
            row = self._connection.execute(
                "SELECT body, jpeg FROM events LEFT JOIN crops ON read_id = json_extract(body, '$.read_id')"
                " WHERE event_id = ?",
                (event_id,),
            ).fetchone()
        except sqlite3.Error as error:
            raise StoreError(_("the store cannot be read: {reason}").format(reason=error)) from error
        return (PlateRead.model_validate_json(row[0]), row[1] or b"") if row else None

    def hit_entries(self, read_id: str) -> set[str]:
        """The entries that a read is known to hit."""
        rows = self._connection.execute("SELECT entry_id FROM hits WHERE read_id = ?", (read_id,))
        return {entry_id for (entry_id,) in rows}

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()


def erase_non_hits(data_dir: Path, agent_id: str) -> int:
    """Take every plate read out of the store's files, and the picture of each that hit nothing; how many reads.

    Before the store is opened. Nothing of their bytes is left in ledger, log or free pages; copies of damaged ledgers
    go too.
    """
    if not (data_dir / FILE_NAME).is_file():
        return 0
    with StoreLock(data_dir), closing(open_writer(data_dir, agent_id)) as connection:
        erased = _erase(connection)
    for aside in data_dir.glob(f"{FILE_NAME}.damaged-*"):
        _overwrite(aside)
        aside.unlink()
        erased += 1
    return erased


def _erase(connection: sqlite3.Connection) -> int:
    (reads,) = connection.execute(
        "SELECT count(*) FROM events WHERE kind IN ('plate_read', 'plate_pictured')"
    ).fetchone()
    (crops,) = connection.execute(
        "SELECT count(*) FROM crops WHERE read_id NOT IN (SELECT read_id FROM hits)"
    ).fetchone()
    if not reads and not crops:
        return 0
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(f"DELETE FROM outbox WHERE event_id IN (SELECT event_id FROM events WHERE {_READS})")  # noqa: S608
    connection.execute(f"DELETE FROM events WHERE {_READS}")  # noqa: S608
    connection.execute(f"DELETE FROM crops WHERE {_NON_HITS}")  # noqa: S608
    connection.execute(
        "INSERT OR REPLACE INTO erased_lanes (lane, seq) SELECT lane, newest FROM lanes WHERE lane IN ('lpr', 'crop')"
    )
    connection.execute("COMMIT")
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute("PRAGMA secure_delete = OFF")
    return int(reads)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        left = path.stat().st_size
        while left > 0:
            left -= file.write(bytes(min(left, 1 << 20)))
        file.flush()
