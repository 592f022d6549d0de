"""Which of many new reads are on the hotlist, however long it is; and how reads are found."""

import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hub.agents import NOON, batch, new_key, plate_read
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.hotlists import entries
from vigie_hub.sync import reads
from vigie_hub.sync.projector import project
from vigie_shared.columns.kinds import to_us

REPOSITORY: Final = Path(__file__).parents[3]


@pytest.mark.parametrize("small", [1, 2000], ids=["a long hotlist", "a short hotlist"])
def test_sure_reads_that_are_listed_raise_alerts_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    monkeypatch.setattr(reads, "_HOTLIST_SMALL", small)
    with Database(tmp_path / "hub.db") as database:
        database.write_now(lambda connection: enrol(connection, "gate-1", new_key().public_key, NOON, "test"))
        for plate in ("12345-A-6", "7-B-8", "99-D-1"):
            database.write_now(lambda connection, p=plate: entries.add(connection, p, "stolen", "amal", NOON))  # type: ignore[misc]
        first = batch([plate_read("7|ب|8"), plate_read("1|أ|1")])
        second = batch([plate_read("99|د|1", uncertain=True), plate_read("12345|أ|6")], 3)
        done = [
            database.write_now(lambda connection, b=one: project(connection, b, NOON))  # type: ignore[misc]
            for one in (first, second, first)
        ]
        assert [one.alerts for one in done] == [1, 1, 0]


def test_a_plate_is_searched_for_without_reading_others(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db") as database:
        for where in ("text = '12345|أ|6'", "text = '12345|أ|6' AND at > x'01'", "text BETWEEN '12' AND '13'"):
            plans = database.read_now(
                lambda connection, w=where: connection.execute(  # type: ignore[misc]
                    f"EXPLAIN QUERY PLAN SELECT event_id FROM plate_reads WHERE {w}"
                ).fetchall()
            )
            assert any(plan["detail"].startswith("SEARCH read_index USING PRIMARY KEY") for plan in plans)
            assert not any(plan["detail"].startswith("SCAN read_index") for plan in plans)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32) | st.sampled_from(["\0", 'a"\\\0'])


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(texts, min_size=1, max_size=9), min_size=1, max_size=5), st.data())
def test_reads_are_found_whatever_they_say_and_however_far_they_are_indexed(
    batches: list[list[str]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder, Database(Path(folder) / "hub.db") as database:
        database.write_now(lambda connection: enrol(connection, "gate-1", new_key().public_key, NOON, "test"))
        wanted: set[Found] = set()
        seq = 1
        for number, told in enumerate(batches, 1):
            at = NOON + timedelta(seconds=seq)
            found = [plate_read(text).model_copy(update={"at": at, "first_seen_at": at}) for text in told]
            come = batch(found, seq)
            database.write_now(lambda connection, b=come: project(connection, b, NOON))  # type: ignore[misc]
            seq += len(found)
            wanted |= {(one.text, ms_of(one.at), number << 8 | place) for place, one in enumerate(found)}
            if data.draw(st.booleans()):
                database.write_now(reads.index_some)
            assert all_of(database) == sorted(wanted)
        while database.write_now(reads.index_some):
            pass
        assert all_of(database) == sorted(wanted)
        assert database.read_now(lambda connection: connection.execute("SELECT * FROM read_runs").fetchall()) == []


def test_only_so_many_reads_are_indexed_in_one_transaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "READS_MAX", 10)
    with Database(tmp_path / "hub.db") as database:
        for number in range(6):
            told = batch([plate_read() for _each in range(4)], 1 + 4 * number)
            database.write_now(lambda connection, b=told: project(connection, b, NOON))  # type: ignore[misc]
        counts = [database.read_now(count_of_tree)]
        while database.write_now(reads.index_some):
            counts.append(database.read_now(count_of_tree))
        assert counts == [0, 8, 16, 24]


def test_a_kill_while_reads_are_indexed_loses_and_doubles_none(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.hub.sync.endless_indexing", str(tmp_path / "hub.db")]
    for _kill in range(3):
        with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _batch in range(9):
                stored = int(child.stdout.readline())
            child.kill()
        with Database(tmp_path / "hub.db") as database:
            events = ids_of(database)
            assert len(events) >= stored
            assert sorted(found[2] for found in all_of(database)) == events


Found = tuple[str, bytes, int]


def ms_of(at: datetime) -> bytes:
    return (to_us(at) // 1000).to_bytes(6, "big")


def ids_of(database: Database) -> list[int]:
    told = "SELECT id FROM events ORDER BY id"
    return [row["id"] for row in database.read_now(lambda connection: connection.execute(told).fetchall())]


def all_of(database: Database) -> list[Found]:
    told = "SELECT text, at, event_id FROM plate_reads"
    rows = database.read_now(lambda connection: connection.execute(told).fetchall())
    return sorted((row["text"], row["at"], row["event_id"]) for row in rows)


def count_of_tree(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM read_index").fetchone()[0])
