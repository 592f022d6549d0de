"""The database file: how it is opened, and how an older one is brought up to date."""

import sqlite3
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Final

from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id

FILE_NAME: Final = "store.db"
MIGRATIONS: Final = ("schema.sql",)
"""Applied in order; `user_version` counts how many have been."""
BUSY_TIMEOUT_SECONDS: Final = 5.0


def stamp(at: datetime) -> str:
    """`at` as the database keeps it: ISO 8601, UTC, milliseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def open_writer(data_dir: Path, agent_id: str) -> sqlite3.Connection:
    """The one connection that writes; the database is made or migrated first. Raises StoreError."""
    path = data_dir / FILE_NAME
    try:
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_SECONDS, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _refusal(path, error) from error
    try:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = OFF"):
            connection.execute(f"PRAGMA {pragma}")
        _migrate(connection, path)
        _sign(connection, path, agent_id)
    except sqlite3.Error as error:
        connection.close()
        raise _refusal(path, error) from error
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
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=BUSY_TIMEOUT_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("SELECT epoch FROM meta").fetchone()
    except sqlite3.Error as error:
        raise _refusal(path, error) from error
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(
            _(
                "{path} was written by a newer release (schema {version}, this one knows {known}): update the agent"
            ).format(path=path, version=version, known=len(MIGRATIONS))
        )
    for number, name in enumerate(MIGRATIONS[version:], start=version + 1):
        script = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
        try:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def _sign(connection: sqlite3.Connection, path: Path, agent_id: str) -> None:
    """Draw the epoch of a new database; refuse one that another agent wrote."""
    row = connection.execute("SELECT agent_id FROM meta").fetchone()
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


def _refusal(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(_("cannot use the store {path}: {reason}").format(path=path, reason=error))
