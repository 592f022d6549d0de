import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from vigie_hub.database import Database, iso
from vigie_shared.errors import StoreError


def _add(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT INTO users VALUES (?, 'hash', 'now')", (name,))


def _names(connection: sqlite3.Connection) -> list[str]:
    return [row["name"] for row in connection.execute("SELECT name FROM users ORDER BY name")]


async def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        await database.write(lambda connection: _add(connection, "amal"))
    async with Database(tmp_path / "hub.db") as database:
        assert await database.read(_names) == ["amal"]


async def test_failed_write_leaves_nothing_and_raises(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        _add(connection, "amal")
        raise LookupError("no")

    async with Database(tmp_path / "hub.db") as database:
        with pytest.raises(LookupError):
            await database.write(fail)
        await database.write(lambda connection: _add(connection, "badr"))
        assert await database.read(_names) == ["badr"]


async def test_broken_constraint_reaches_the_caller_as_it_is(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        await database.write(lambda connection: _add(connection, "amal"))
        with pytest.raises(sqlite3.IntegrityError):
            await database.write(lambda connection: _add(connection, "amal"))


async def test_reader_cannot_write(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        with pytest.raises(StoreError, match="readonly"):
            await database.read(lambda connection: _add(connection, "amal"))


async def test_many_writers_and_readers_at_once_lose_nothing(tmp_path: Path) -> None:
    async def add(name: str) -> None:
        await database.write(lambda connection: _add(connection, name))

    async with Database(tmp_path / "hub.db") as database:
        async with asyncio.TaskGroup() as tasks:
            for number in range(50):
                tasks.create_task(add(f"{number:02}"))
                tasks.create_task(database.read(_names))
        assert await database.read(_names) == [f"{number:02}" for number in range(50)]


def test_writer_syncs_every_commit(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db") as database:
        assert database.write_now(lambda connection: connection.execute("PRAGMA synchronous").fetchone()[0]) == 2
        assert database.read_now(lambda connection: connection.execute("PRAGMA journal_mode").fetchone()[0]) == "wal"


def test_two_processes_may_open_a_new_file_at_once(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db") as first, Database(tmp_path / "hub.db") as second:
        first.write_now(lambda connection: _add(connection, "amal"))
        second.write_now(lambda connection: _add(connection, "badr"))
        assert first.read_now(_names) == ["amal", "badr"]


def test_file_of_a_newer_schema_is_refused_in_one_line(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db"):
        pass
    raw = sqlite3.connect(tmp_path / "hub.db")
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    with pytest.raises(StoreError, match=r"newer Vigie .*schema 99") as caught:
        Database(tmp_path / "hub.db").open()
    assert "\n" not in str(caught.value)


def test_file_that_is_no_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_text("not a database at all, only some words" * 100)
    with pytest.raises(StoreError, match=r"hub\.db: file is not a database"):
        Database(tmp_path / "hub.db").open()


def test_times_sort_as_text() -> None:
    noon = datetime(2026, 3, 1, 12, 0, 0, 1000, tzinfo=UTC)
    assert iso(noon) == "2026-03-01T12:00:00.001Z"
    assert iso(noon.astimezone(timezone(timedelta(hours=1)))) == iso(noon)
    assert iso(noon) < iso(noon + timedelta(milliseconds=1))
