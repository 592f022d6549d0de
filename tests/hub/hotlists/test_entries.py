from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.agents import NOON, StoppedClock
from vigie_hub.database import Database
from vigie_hub.hotlists.entries import Hotlist, add, canonical, list_active, remove
from vigie_shared.errors import CommandError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "hub.db") as opened:
        yield opened


def put(database: Database, text: str, reason: str = "stolen") -> str:
    return database.write_now(lambda connection: add(connection, text, reason, "amal", NOON))


@pytest.mark.parametrize("text", ["12345|أ|6", "12345-A-6", "12345 a 6", " 12345 | أ | 6 "])
def test_all_spellings_of_a_plate_are_one_text(text: str) -> None:
    assert canonical(text) == ("12345|أ|6", True)


@pytest.mark.parametrize("text", ["ab-123 cd", "AB123CD", "AB 123 CD || F"])
def test_foreign_plate_is_kept_as_it_would_be_read_and_marked(text: str) -> None:
    assert canonical(text) == ("AB123CD", False)


def test_plate_that_no_grammar_knows_is_kept_in_capitals_and_marked() -> None:
    assert canonical("temp-1234 abcd") == ("TEMP-1234ABCD", False)


@pytest.mark.parametrize(
    ("text", "kept"), [("552679 ww", "552679|WW|"), ("8/013353", "013353||8"), ("CD 12-19", "12|CD|19")]
)
def test_plates_of_every_kind_are_known(text: str, kept: str) -> None:
    assert canonical(text) == (kept, True)


@pytest.mark.parametrize("text", ["", "   ", "---", "x" * 33])
def test_what_is_no_plate_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="plate"):
        canonical(text)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_reason_is_asked_for(database: Database, reason: str) -> None:
    with pytest.raises(CommandError, match="reason"):
        put(database, "12345|أ|6", reason)


def test_same_wish_twice_is_one_entry(database: Database) -> None:
    assert put(database, "12345-A-6") == put(database, "12345|أ|6")
    assert len(database.read_now(list_active)) == 1


def test_removed_entry_is_gone_and_can_be_added_anew(database: Database) -> None:
    first = put(database, "12345|أ|6")
    assert database.write_now(lambda connection: remove(connection, first, "amal", NOON))
    assert not database.write_now(lambda connection: remove(connection, first, "amal", NOON))
    assert database.read_now(list_active) == []
    assert put(database, "12345|أ|6") != first


async def test_edits_are_audited_by_id_never_by_plate_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    async with Database(tmp_path / "hub.db") as database:
        hotlist = Hotlist(database, StoppedClock(), told.append)
        entry_id = await hotlist.add("12345|أ|6", "stolen", "amal")
        assert await hotlist.remove(entry_id, "badr")
        rows = await database.read(
            lambda connection: connection.execute("SELECT user, action, target FROM audit ORDER BY id").fetchall()
        )
    assert [tuple(row) for row in rows] == [
        ("amal", "hotlist_added", entry_id),
        ("badr", "hotlist_removed", entry_id),
    ]
    assert told == ["hotlist", "hotlist"]
