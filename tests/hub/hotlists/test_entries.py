from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.agents import NOON, StoppedClock
from vigie_hub.database import Database
from vigie_hub.hotlists.entries import Hotlist, Imported, add, canonical, import_all, list_active, remove
from vigie_hub.hotlists.wishes import PlateWish
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


def wished(database: Database, wish: PlateWish) -> str:
    return database.write_now(lambda connection: add(connection, "", "", "amal", NOON, wish))


def terms(**more: Any) -> PlateWish:
    return PlateWish("12345-A-6", "stolen", **more)


def test_same_plate_on_other_terms_or_another_list_is_another_entry(database: Database) -> None:
    wishes = [terms(), terms(rules=("6/5",)), terms(severity=2), terms(list_id="toll"), terms(valid_until=NOON)]
    ids = [wished(database, wish) for wish in wishes]
    assert len(set(ids)) == len(wishes)
    assert len(database.read_now(lambda connection: list_active(connection, "main"))) == 4


@pytest.mark.parametrize(
    ("wish", "complaint"),
    [
        (terms(list_id="No Name"), "list"),
        (terms(rules=("7/4",)), "rule"),
        (terms(category="Stolen Car"), "category"),
        (terms(severity=10), "severity"),
        (terms(valid_from=NOON, valid_until=NOON), "until"),
    ],
)
def test_terms_that_cannot_be_are_refused_in_a_line(database: Database, wish: PlateWish, complaint: str) -> None:
    with pytest.raises(CommandError, match=complaint):
        wished(database, wish)


def imported(database: Database, *texts: str, replace: bool = False) -> Imported:
    wishes = [PlateWish(text, "register", "state").checked() for text in texts]
    return database.write_now(
        lambda connection: import_all(connection, wishes, "amal", NOON, list_id="state", replace=replace)
    )


def test_an_import_adds_what_is_new_and_numbers_it_in_a_row(database: Database) -> None:
    put(database, "12345|أ|6")
    assert imported(database, "3|أ|1", "1|أ|1", "2|أ|1", "1-A-1") == Imported(3, 0, 0)
    rows = database.read_now(lambda connection: list_active(connection, "state"))
    numbers = {row["text"]: int(row["entry_id"], 16) for row in rows}
    assert numbers["3|أ|1"] - numbers["2|أ|1"] == numbers["2|أ|1"] - numbers["1|أ|1"] == 1
    assert imported(database, "1|أ|1", "4|أ|1") == Imported(1, 1, 0)


def test_an_import_that_replaces_removes_what_is_not_in_it_and_only_from_its_list(database: Database) -> None:
    put(database, "12345|أ|6")
    imported(database, "1|أ|1", "2|أ|1")
    assert imported(database, "2|أ|1", "3|أ|1", replace=True) == Imported(1, 1, 1)
    left = database.read_now(list_active)
    assert sorted(row["text"] for row in left) == ["12345|أ|6", "2|أ|1", "3|أ|1"]
    audited = database.read_now(lambda connection: connection.execute("SELECT action, target FROM audit").fetchall())
    assert tuple(audited[-1]) == ("hotlist_imported", "state +1 -1")
