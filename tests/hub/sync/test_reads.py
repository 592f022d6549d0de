"""Which of many new reads are on the hotlist, however long it is; and how reads are found."""

from pathlib import Path

import pytest

from tests.hub.agents import NOON, batch, new_key, plate_read
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.hotlists import entries
from vigie_hub.sync import reads
from vigie_hub.sync.projector import project


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
        for where in ("text = '12345|أ|6'", "text = '12345|أ|6' AND read_id > x'01'", "text BETWEEN '12' AND '13'"):
            (plan,) = database.read_now(
                lambda connection, w=where: connection.execute(  # type: ignore[misc]
                    f"EXPLAIN QUERY PLAN SELECT event_id FROM plate_reads WHERE {w} ORDER BY text, read_id"
                ).fetchall()
            )
            assert plan["detail"].startswith("SEARCH plate_reads USING PRIMARY KEY")
