"""The ledger's file: how it is opened, and how an older one is brought up to date."""

import os
import sqlite3
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

from vigie_shared.errors import StoreError
from vigie_shared.events import LANES
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id

FILE_NAME: Final = "store.db"
MIGRATIONS: Final = ("schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql", "schema_5.sql")
"""Applied in order; `user_version` counts how many have been."""
BUSY_TIMEOUT_SECONDS: Final = 5.0
WAL_BYTES_MAX: Final = 8 * 1024**2
CHECKPOINT_PAGES: Final = 256
"""A mebibyte of log goes into the ledger: on a disk that is nearly full a longer one would leave no room to do so."""
MALFORMED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class DamagedLedgerError(StoreError):
    """The ledger's file is not a sound database."""


def stamp(at: datetime) -> str:
    """`at` as the database keeps it: ISO 8601, UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def is_malformed(error: sqlite3.Error) -> bool:
    """Whether the file's content is at fault, not the disk that carries it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in MALFORMED


def open_writer(data_dir: Path, agent_id: str, epoch: str | None = None) -> sqlite3.Connection:
    """The connection that writes; where `epoch` is None the ledger is made or migrated first. Raises StoreError.

    With an `epoch` nothing is made: only the ledger of that epoch will do.
    """
    path = data_dir / FILE_NAME
    mode = "rwc" if epoch is None else "rw"
    try:
        connection = _connect(path, mode)
    except sqlite3.Error as error:
        raise refusal(path, error) from error
    try:
        if epoch is None and not connection.execute("PRAGMA page_count").fetchone()[0]:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        pragmas = ("journal_mode = WAL", "synchronous = FULL", "secure_delete = OFF")
        bounds = (f"journal_size_limit = {WAL_BYTES_MAX}", f"wal_autocheckpoint = {CHECKPOINT_PAGES}")
        for pragma in (*pragmas, *bounds):
            connection.execute(f"PRAGMA {pragma}")
        if epoch is None:
            _migrate(connection, path)
        connection.execute("PRAGMA foreign_keys = ON")
        _sign(connection, path, agent_id, epoch)
    except sqlite3.Error as error:
        connection.close()
        raise refusal(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def open_reader(data_dir: Path) -> sqlite3.Connection:
    """A connection that only reads, in any thread; raises StoreError where there is no store."""
    path = data_dir / FILE_NAME
    if not path.is_file():
        raise StoreError(_("no store in {folder}: start the agent once, or check data_dir").format(folder=data_dir))
    try:
        connection = _connect(path, "ro&immutable=1" if _cannot_change(path) else "ro")
    except sqlite3.Error as error:
        raise refusal(path, error) from error
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version != len(MIGRATIONS):
            raise _other_release(path, version)
        connection.execute("SELECT epoch FROM meta").fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise refusal(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _cannot_change(path: Path) -> bool:
    """Whether the disk is read-only and the ledger whole without its log: SQLite would miss the log otherwise."""
    try:
        is_read_only = bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False
    return is_read_only and not path.with_name(f"{path.name}-wal").exists()


def inode_of(data_dir: Path) -> tuple[int, int] | None:
    """Which file the ledger in the folder is; None where there is none."""
    try:
        found = (data_dir / FILE_NAME).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise _other_release(path, version)
    for number, name in enumerate(MIGRATIONS[version:], start=version + 1):
        script = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    connection.executemany("INSERT OR IGNORE INTO lanes (lane) VALUES (?)", [(lane,) for lane in LANES])
    _drop_old_segments(connection)


def _drop_old_segments(connection: sqlite3.Connection) -> None:
    """Give the room of the first schema's bytes back once the last of them has left."""
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'old_segments'").fetchone()
    if known and not connection.execute("SELECT 1 FROM old_segments LIMIT 1").fetchone():
        connection.execute("DROP TABLE old_segments")
        if not connection.execute("PRAGMA auto_vacuum").fetchone()[0]:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("VACUUM")


def _sign(connection: sqlite3.Connection, path: Path, agent_id: str, epoch: str | None) -> None:
    """Draw the epoch of a new ledger; refuse one that another agent wrote, or one of another epoch."""
    row = connection.execute("SELECT agent_id, epoch FROM meta").fetchone()
    if row is None:
        now = datetime.now(UTC)
        connection.execute(
            "INSERT INTO meta (one, epoch, agent_id, created_at) VALUES (1, ?, ?, ?)",
            (unique_id(now), agent_id, stamp(now)),
        )
    elif row[0] != agent_id:
        raise StoreError(
            _("{path} belongs to agent {owner}, not to {agent}: choose another data_dir").format(
                path=path, owner=row[0], agent=agent_id
            )
        )
    elif epoch is not None and row[1] != epoch:
        raise StoreError(_("{path} is another store than the one that was here: restart the agent").format(path=path))


def _other_release(path: Path, version: int) -> StoreError:
    if version > len(MIGRATIONS):
        text = _("{path} was written by a newer release (schema {version}, this one knows {known}): update the agent")
    else:
        text = _("{path} is of an older release (schema {version}, this one has {known}): start the agent once")
    return StoreError(text.format(path=path, version=version, known=len(MIGRATIONS)))


def refusal(path: Path, error: sqlite3.Error) -> StoreError:
    """What to tell of a file that cannot be used."""
    kind = DamagedLedgerError if is_malformed(error) else StoreError
    return kind(_("cannot use the store {path}: {reason}").format(path=path, reason=error))
