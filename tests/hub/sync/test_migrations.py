import sqlite3
from pathlib import Path

import pytest
import sqlite_utils

from vigie_hub.sync import migrations
from vigie_hub.sync.migrations import SCHEMA_VERSION, migrate, schema_version
from vigie_shared.errors import StoreError


def connect(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "hub.db", isolation_level=None)


def test_new_file_gets_the_whole_schema(tmp_path: Path) -> None:
    connection = connect(tmp_path)
    migrate(connection, "hub.db")
    migrate(connection, "hub.db")
    assert schema_version(connection) == SCHEMA_VERSION
    assert {"agents", "events", "watermarks", "alerts", "audit"} <= set(sqlite_utils.Database(connection).table_names())
    connection.close()


def test_migration_that_fails_leaves_the_old_version_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def second(database: sqlite_utils.Database) -> None:
        database.execute("CREATE TABLE halfway (id INTEGER)")
        raise RuntimeError("power cut")

    connection = connect(tmp_path)
    migrate(connection, "hub.db")
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, second))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(RuntimeError):
        migrate(connection, "hub.db")
    assert schema_version(connection) == SCHEMA_VERSION
    assert "halfway" not in sqlite_utils.Database(connection).table_names()
    connection.close()


def test_older_file_is_brought_up_to_date_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(tmp_path)
    migrate(connection, "hub.db")
    connection.execute("INSERT INTO users VALUES ('amal', 'hash', 'now')")
    second = lambda database: database.execute("ALTER TABLE users ADD COLUMN role TEXT")  # noqa: E731
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, second))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", SCHEMA_VERSION + 1)
    migrate(connection, "hub.db")
    assert connection.execute("SELECT name, role FROM users").fetchall() == [("amal", None)]
    connection.close()


def test_newer_file_is_left_alone(tmp_path: Path) -> None:
    connection = connect(tmp_path)
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="update the hub"):
        migrate(connection, "hub.db")
    connection.close()
