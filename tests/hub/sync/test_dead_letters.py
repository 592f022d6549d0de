from pathlib import Path

import pytest

from tests.hub.agents import EPOCH, NOON, batch, new_key, plate_read
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.sync import dead_letters
from vigie_hub.sync.arrivals import Arrival, Refusal, receive
from vigie_hub.sync.dead_letters import AHEAD_MAX
from vigie_hub.sync.lanes import watermarks_of
from vigie_hub.sync.projector import project_all
from vigie_shared.batches import encode


def broken(first_seq: int, agent_id: str = "gate-1") -> Refusal:
    """A batch of three events, cut short."""
    payload = encode(batch([plate_read() for _each in range(3)], first_seq, agent_id=agent_id))
    refusal = receive(f"e.{agent_id}.lpr", payload[:30])
    assert isinstance(refusal, Refusal)
    return refusal


def watermark(database: Database, *received: Arrival | Refusal) -> int:
    database.write_now(lambda connection: project_all(connection, received, NOON))
    return database.read_now(lambda connection: watermarks_of(connection, "gate-1", EPOCH)).get("lpr", 0)


def counted(database: Database, table: str) -> int:
    return int(database.read_now(lambda c: c.execute(f"SELECT count(*) FROM {table}").fetchone()[0]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Database(tmp_path / "hub.db") as database:
        key = new_key().public_key
        database.write_now(lambda connection: enrol(connection, "gate-1", key, NOON, "test"))
    return tmp_path


def test_a_lane_goes_on_without_a_batch_that_cannot_be_read(folder: Path) -> None:
    with Database(folder / "hub.db") as database:
        assert watermark(database, broken(1)) == 3
        good = receive("e.gate-1.lpr", encode(batch([plate_read()], 4)))
        assert watermark(database, good) == 4
        assert (counted(database, "dead_letters"), counted(database, "missing_ranges")) == (1, 1)


def test_what_was_refused_ahead_of_a_gap_waits_for_the_gap(folder: Path) -> None:
    with Database(folder / "hub.db") as database:
        assert watermark(database, broken(3)) == 0
        good = receive("e.gate-1.lpr", encode(batch([plate_read(), plate_read()])))
        assert watermark(database, good) == 5


def test_the_same_events_are_taken_should_they_come_in_order(folder: Path) -> None:
    with Database(folder / "hub.db") as database:
        watermark(database, broken(1))
        again = receive("e.gate-1.lpr", encode(batch([plate_read() for _each in range(3)])))
        assert watermark(database, again) == 3
        assert (counted(database, "events"), counted(database, "missing_ranges")) == (3, 0)


def test_a_claim_out_of_all_proportion_hides_nothing(folder: Path) -> None:
    with Database(folder / "hub.db") as database:
        assert watermark(database, broken(AHEAD_MAX + 2)) == 0
        assert counted(database, "missing_ranges") == 0
        assert counted(database, "dead_letters") == 1


def test_only_the_newest_are_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "KEPT", 2)
    with Database(folder / "hub.db") as database:
        watermark(database, *(broken(1) for _each in range(5)))
        assert counted(database, "dead_letters") == 2


def test_an_agent_s_push_out_its_own_and_nobody_else_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "KEPT", 5)
    monkeypatch.setattr(dead_letters, "KEPT_PER_AGENT", 3)
    with Database(folder / "hub.db") as database:
        database.write_now(lambda connection: enrol(connection, "rogue", new_key().public_key, NOON, "test"))
        watermark(database, broken(1), *(broken(1 + 3 * each, "rogue") for each in range(20)))
        kept = database.read_now(
            lambda c: c.execute("SELECT agent_id, first_seq FROM dead_letters ORDER BY id").fetchall()
        )
        assert [tuple(row) for row in kept] == [("gate-1", 1), ("rogue", 52), ("rogue", 55), ("rogue", 58)]
