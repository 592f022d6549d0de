import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.agents import EPOCH, NOON, batch, clip, motion, new_key, plate_read
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.hotlists import entries
from vigie_hub.sync.lanes import note_oldest, watermarks_of
from vigie_hub.sync.projector import Projection, project
from vigie_hub.sync.stored import events_after
from vigie_shared.batches import Batch


class Model:
    """The read model, one call at a time."""

    def __init__(self, database: Database) -> None:
        self.database = database
        for agent_id in ("gate-1", "gate-2"):
            key = new_key().public_key
            database.write_now(lambda connection, a=agent_id, k=key: enrol(connection, a, k, NOON, "test"))  # type: ignore[misc]

    def project(self, one: Batch) -> Projection:
        return self.database.write_now(lambda connection: project(connection, one, NOON))

    def watermark(self, lane: str = "lpr") -> int:
        found = self.database.read_now(lambda connection: watermarks_of(connection, "gate-1", EPOCH))
        return {str(name): seq for name, seq in found.items()}.get(lane, 0)

    def oldest(self, seq: int) -> list[tuple[int, int]]:
        return self.database.write_now(lambda connection: note_oldest(connection, "gate-1", EPOCH, "lpr", seq, NOON))

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        return self.database.read_now(lambda connection: [tuple(row) for row in connection.execute(sql)])


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Model]:
    with Database(tmp_path / "hub.db") as database:
        yield Model(database)


def test_batch_becomes_events_reads_and_a_watermark(model: Model) -> None:
    done = model.project(batch([plate_read(), plate_read()]))
    assert (done.events, model.watermark()) == (2, 2)
    assert model.rows("SELECT count(*) FROM plate_reads") == [(2,)]
    told = model.database.read_now(lambda connection: list(events_after(connection, 0)))
    assert [(one["seq"], one["kind"], one["at"]) for one in told] == [
        (1, "plate_read", "2026-03-01T12:00:00.000Z"),
        (2, "plate_read", "2026-03-01T12:00:00.000Z"),
    ]


def test_same_batch_twice_changes_nothing(model: Model) -> None:
    one = batch([plate_read(), plate_read()])
    model.project(one)
    assert model.project(one).events == 0
    assert model.rows("SELECT count(*) FROM events") == [(2,)]


def test_overlapping_batch_adds_only_what_is_new(model: Model) -> None:
    reads = [plate_read() for _number in range(5)]
    model.project(batch(reads[:3]))
    assert model.project(batch(reads[1:], 2)).events == 2
    assert model.watermark() == 5


def test_watermark_waits_for_a_gap_and_then_passes_all_that_is_there(model: Model) -> None:
    reads = [plate_read() for _number in range(9)]
    model.project(batch(reads[6:], 7))
    assert model.watermark() == 0
    model.project(batch(reads[:3], 1))
    assert model.watermark() == 3
    model.project(batch(reads[3:6], 4))
    assert model.watermark() == 9


@pytest.mark.parametrize("seed", range(5))
def test_any_order_and_any_repetition_ends_in_the_same_rows(model: Model, seed: int) -> None:
    reads = [plate_read() for _number in range(30)]
    batches = [batch(reads[start : start + size], start + 1) for start in range(0, 30, 3) for size in (3, 5)]
    chance = random.Random(seed)
    for one in chance.sample(batches * 2, len(batches) * 2):
        model.project(one)
    assert model.watermark() == 30
    assert model.rows("SELECT seq FROM events ORDER BY seq") == [(seq,) for seq in range(1, 31)]
    assert model.rows("SELECT count(*) FROM plate_reads") == [(30,)]


def test_lanes_and_epochs_count_for_themselves(model: Model) -> None:
    model.project(batch([plate_read()]))
    model.project(batch([motion(), motion()], lane="mot"))
    model.project(batch([clip()], lane="clip"))
    other = batch([plate_read()]).model_copy(update={"epoch": "f" * 22})
    assert model.project(other).events == 1
    assert (model.watermark("lpr"), model.watermark("mot"), model.watermark("clip")) == (1, 2, 1)
    assert model.rows("SELECT count(*) FROM clips") == [(1,)]


def test_what_an_agent_can_no_longer_send_is_noted_and_passed(model: Model) -> None:
    model.project(batch([plate_read()], 1))
    model.project(batch([plate_read()], 5))
    assert model.oldest(8) == [(2, 4), (6, 7)]
    assert model.watermark() == 7
    assert model.oldest(8) == []
    assert model.rows("SELECT first_seq, last_seq FROM missing_ranges") == [(2, 4), (6, 7)]


def test_missing_events_that_come_after_all_are_taken(model: Model) -> None:
    model.oldest(6)
    assert model.project(batch([plate_read()], 3)).events == 1
    assert model.rows("SELECT first_seq, last_seq FROM missing_ranges ORDER BY 1") == [(1, 2), (4, 5)]
    assert model.watermark() == 5


def test_oldest_that_the_hub_has_long_passed_notes_nothing(model: Model) -> None:
    model.project(batch([plate_read() for _number in range(4)]))
    assert model.oldest(3) == []
    assert model.watermark() == 4


def test_hit_raises_one_alert_with_the_read_that_caused_it(model: Model) -> None:
    add = lambda connection: entries.add(connection, "12345-A-6", "stolen", "amal", NOON)  # noqa: E731
    model.database.write_now(add)
    one = batch([plate_read(), plate_read("99|ب|1")])
    assert model.project(one).alerts == 1
    assert model.project(one).alerts == 0
    assert model.rows("SELECT text, agent_id FROM alerts") == [("12345|أ|6", "gate-1")]


def test_an_agent_cannot_take_over_another_ones_read_or_its_alert(model: Model) -> None:
    model.database.write_now(lambda connection: entries.add(connection, "12345-A-6", "stolen", "amal", NOON))
    model.project(batch([plate_read(read_id="a" * 22)]))
    model.project(batch([plate_read(read_id="a" * 22), plate_read("99|ب|1", read_id="a" * 22)], agent_id="gate-2"))
    assert model.rows("SELECT agent_id, text FROM plate_reads ORDER BY text, agent_id") == [
        ("gate-1", "12345|أ|6"),
        ("gate-2", "12345|أ|6"),
        ("gate-2", "99|ب|1"),
    ]
    assert model.rows("SELECT agent_id FROM alerts") == [("gate-1",)]


def test_rows_and_watermark_move_together_or_not_at_all(model: Model) -> None:
    def interrupted(connection: sqlite3.Connection) -> None:
        project(connection, batch([plate_read()]), NOON)
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        model.database.write_now(interrupted)
    assert model.watermark() == 0
    assert model.rows("SELECT count(*) FROM events") == [(0,)]
