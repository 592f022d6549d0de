from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.agents import NOON, batch, plate_read
from vigie_hub.database import Database
from vigie_hub.hotlists import entries
from vigie_hub.sync.projector import project
from vigie_shared.events import PlateRead


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "hub.db") as opened:
        opened.write_now(lambda connection: entries.add(connection, "12345|أ|6", "stolen", "amal", NOON))
        yield opened


def alerts_of(database: Database, read: PlateRead, seq: int = 1) -> int:
    return database.write_now(lambda connection: project(connection, batch([read], seq), NOON)).alerts


def test_exact_read_is_a_hit(database: Database) -> None:
    assert alerts_of(database, plate_read("12345|أ|6")) == 1


@pytest.mark.parametrize("text", ["12345|أ|7", "1234|أ|6", "12345|ب|6", "12345|أ|60"])
def test_read_that_differs_in_one_character_is_none(database: Database, text: str) -> None:
    assert alerts_of(database, plate_read(text)) == 0


def test_uncertain_read_is_never_a_hit(database: Database) -> None:
    assert alerts_of(database, plate_read("12345|أ|6", uncertain=True)) == 0


def test_each_entry_that_is_hit_raises_its_own_alert(database: Database) -> None:
    database.write_now(lambda connection: entries.add(connection, "12345|أ|6", "unpaid toll", "badr", NOON))
    assert alerts_of(database, plate_read("12345|أ|6")) == 2


def test_removed_entry_hits_no_more(database: Database) -> None:
    entry_id = database.read_now(entries.list_active)[0]["entry_id"]
    database.write_now(lambda connection: entries.remove(connection, entry_id, "amal", NOON))
    assert alerts_of(database, plate_read("12345|أ|6")) == 0


def test_entry_that_is_added_later_looks_not_back(database: Database) -> None:
    alerts_of(database, plate_read("99|ب|1"))
    database.write_now(lambda connection: entries.add(connection, "99|ب|1", "late", "amal", NOON))
    count = database.read_now(lambda connection: connection.execute("SELECT count(*) FROM alerts").fetchone()[0])
    assert count == 0
