import sqlite3
from pathlib import Path

import pytest
import sqlite_utils

from tests.hub.agents import EPOCH, clip, plate_read
from vigie_hub.sync import migrations
from vigie_hub.sync.migrations import SCHEMA_VERSION, migrate, schema_version
from vigie_hub.sync.stored import events_after, next_batch_id
from vigie_shared.errors import StoreError
from vigie_shared.events import AnyEvent, PlateRead


def connect(tmp_path: Path) -> sqlite3.Connection:
    return sqlite3.connect(tmp_path / "hub.db", isolation_level=None)


def test_new_file_gets_the_whole_schema(tmp_path: Path) -> None:
    connection = connect(tmp_path)
    migrate(connection, "hub.db")
    migrate(connection, "hub.db")
    assert schema_version(connection) == SCHEMA_VERSION
    assert {"agents", "batches", "watermarks", "alerts", "audit"} <= set(
        sqlite_utils.Database(connection).table_names()
    )
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


def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    """A file of schema 3, with events as rows, and a read and a clip and an alert that refer to them."""
    connection = connect(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:3])
        patched.setattr(migrations, "SCHEMA_VERSION", 3)
        migrate(connection, "hub.db")
    insert = (
        "INSERT INTO events (id, agent_id, epoch, lane, seq, kind, camera_id, at, received_at, body)"
        " VALUES (?, 'gate-1', ?, ?, ?, ?, 'gate', '', '2026-03-01T12:00:00.000Z', ?)"
    )
    reads = [plate_read(f"{number}|أ|6") for number in range(300)]
    rows: list[tuple[int, str, AnyEvent]] = [(seq, "lpr", read) for seq, read in enumerate(reads, 1)]
    rows[100:100] = [(1, "clip", clip())]
    for place, (seq, lane, event) in enumerate(rows, 5):
        connection.execute(insert, (place, EPOCH, lane, seq, event.kind, event.model_dump_json()))
        if isinstance(event, PlateRead):
            connection.execute(
                "INSERT INTO plate_reads VALUES (?, ?, 'gate-1', 'gate', NULL, '', ?, 0.9, 0)",
                (event.read_id, place, event.text),
            )
    connection.execute("INSERT INTO clips VALUES ('c', 105, 'gate-1', 'gate', NULL, '', '', 1, '', 'h264', 1, 1)")
    return connection


def test_events_of_an_older_file_are_put_into_batches_and_all_that_refers_to_them_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = older(tmp_path, monkeypatch)
    connection.row_factory = sqlite3.Row
    migrate(connection, "hub.db")
    told = list(events_after(connection, 0))
    assert [one["seq"] for one in told if one["lane"] == "lpr"] == list(range(1, 301))
    assert [one["id"] for one in told] == sorted(one["id"] for one in told)
    texts = {row["event_id"]: row["text"] for row in connection.execute("SELECT event_id, text FROM plate_reads")}
    assert texts == {one["id"]: one["body"]["text"] for one in told if one["kind"] == "plate_read"}
    (found,) = connection.execute("SELECT event_id FROM clips").fetchone()
    assert [one["kind"] for one in told if one["id"] == found] == ["clip_stored"]
    assert next_batch_id(connection) > max(one["id"] for one in told) >> 8
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_reads_and_alerts_of_an_older_file_keep_all_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = older(tmp_path, monkeypatch)
    read_id, text = connection.execute("SELECT read_id, text FROM plate_reads LIMIT 1").fetchone()
    connection.execute(
        "INSERT INTO hotlist (entry_id, text, reason, added_at, added_by) VALUES ('e', ?, '', '', '')", (text,)
    )
    connection.execute(
        "INSERT INTO alerts (alert_id, read_id, entry_id, agent_id, camera_id, at, text, crop)"
        " VALUES ('a', ?, 'e', 'gate-1', 'gate', '', ?, x'ff')",
        (read_id, text),
    )
    migrate(connection, "hub.db")
    assert connection.execute("SELECT read_id, crop, confidence, uncertain, motion_id FROM alerts").fetchall() == [
        (read_id, b"\xff", 0.9, 0, None)
    ]
    kept = "SELECT agent_id FROM plate_reads WHERE text = ? AND at = ?"
    assert connection.execute(kept, (text, bytes.fromhex(read_id[:12]))).fetchall() == [("gate-1",)]
    connection.close()


def test_wishes_of_an_older_file_are_for_the_whole_clip_and_failures_stay_failures(tmp_path: Path) -> None:
    connection = connect(tmp_path)
    database = sqlite_utils.Database(connection, execute_plugins=False)
    for migration in migrations.MIGRATIONS[:11]:
        migration(database)
    connection.execute("PRAGMA user_version = 11")
    connection.execute("INSERT INTO pulls VALUES ('waits', 'clip', 'now', NULL, '')")
    connection.execute("INSERT INTO pulls VALUES ('failed', 'bulk', 'now', 'later', 'the disk is wet')")
    migrate(connection, "hub.db")
    found = connection.execute(
        "SELECT clip_id, qualities, outcome, ended_at, detail FROM pulls ORDER BY asked_at, clip_id"
    )
    assert found.fetchall() == [
        ("failed", "original", "failed", "later", "the disk is wet"),
        ("waits", "original", None, None, ""),
    ]
    connection.close()
