import sqlite3
from pathlib import Path

import pytest

from tests.hub.agents import NOON, StoppedClock
from vigie_hub.custody.audit import Audit, record
from vigie_hub.database import Database


async def test_what_was_done_is_there_with_its_time(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        await Audit(database, StoppedClock()).record("amal", "clip_viewed", "c1")
        rows = await database.read(
            lambda connection: connection.execute("SELECT at, user, action, target FROM audit").fetchall()
        )
    assert [tuple(row) for row in rows] == [("2026-03-01T12:00:00.000Z", "amal", "clip_viewed", "c1")]


def test_deed_that_failed_leaves_no_row(tmp_path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        record(connection, NOON, "amal", "hotlist_added", "e1")
        raise RuntimeError("no")

    with Database(tmp_path / "hub.db") as database:
        with pytest.raises(RuntimeError):
            database.write_now(fail)
        assert database.read_now(lambda connection: connection.execute("SELECT count(*) FROM audit").fetchone()[0]) == 0
