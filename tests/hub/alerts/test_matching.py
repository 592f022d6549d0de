import itertools
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.hits import plate_hit
from tests.hub.agents import NOON, batch, plate_read
from vigie_hub.database import Database
from vigie_hub.hotlists import entries
from vigie_hub.sync.projector import project
from vigie_shared.events import PlateHit, PlateRead


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


PICTURE = b"RIFF0000WEBP"


def hit(read: PlateRead, entry_id: str, **more: Any) -> PlateHit:
    known: dict[str, Any] = {
        "rule": "exact",
        "check_only": False,
        "retro": False,
        "list_age_seconds": 5.0,
        "picture": PICTURE,
    }
    return plate_hit(read, entry_id=entry_id, list_version=7, **{**known, **more})


def entry_id_of(database: Database) -> str:
    return str(database.read_now(entries.list_active)[0]["entry_id"])


unique_event_id = itertools.count(1 << 40).__next__


def take(database: Database, told: PlateHit) -> int:
    """As it comes in: the next of its lane."""
    seq = database.read_now(
        lambda connection: connection.execute(
            "SELECT coalesce(max(seq), 0) + 1 FROM watermarks WHERE lane = 'hit'"
        ).fetchone()[0]
    )
    told_batch = batch([told], seq, lane="hit")
    return database.write_now(lambda connection: project(connection, told_batch, NOON)).alerts


def alerts(database: Database) -> list[dict[str, Any]]:
    return database.read_now(lambda connection: [dict(row) for row in connection.execute("SELECT * FROM alerts")])


def test_hit_raises_an_alert_with_its_picture_rule_and_age(database: Database) -> None:
    read = plate_read("12346|أ|6")
    entry_id = entry_id_of(database)
    assert take(database, hit(read, entry_id, rule="6/5", check_only=True, retro=True)) == 1
    (alert,) = alerts(database)
    assert (alert["rule"], alert["check_only"], alert["retro"], alert["list_version"]) == ("6/5", 1, 1, 7)
    assert (alert["crop"], alert["text"], alert["entry_id"]) == (PICTURE, "12346|أ|6", entry_id)


@pytest.mark.parametrize("hit_first", [True, False])
def test_hit_and_plain_read_make_one_alert_whoever_is_first(database: Database, hit_first: bool) -> None:
    read = plate_read("12345|أ|6")
    told = hit(read, entry_id_of(database))
    raised = []
    for is_hit in (hit_first, not hit_first):
        raised.append(take(database, told) if is_hit else alerts_of(database, read))
    assert raised == [1, 0]
    (alert,) = alerts(database)
    assert (alert["crop"], alert["list_version"]) == (PICTURE, 7)


def test_same_hit_again_raises_nothing(database: Database) -> None:
    told = hit(plate_read("12345|أ|6"), entry_id_of(database))
    assert [take(database, told), take(database, told)] == [1, 0]


def test_hit_makes_the_hub_look_at_its_other_lists_too(database: Database) -> None:
    database.write_now(lambda connection: entries.add(connection, "12345|أ|6", "unpaid toll", "badr", NOON))
    assert take(database, hit(plate_read("12345|أ|6"), entry_id_of(database))) == 2


def test_hit_of_an_entry_removed_before_the_read_raises_nothing_but_one_of_before_does(database: Database) -> None:
    entry_id = entry_id_of(database)
    later = NOON + timedelta(minutes=5)
    database.write_now(lambda connection: entries.remove(connection, entry_id, "amal", later))
    assert take(database, hit(plate_read("12345|أ|6"), entry_id)) == 1
    late = plate_read("12345|أ|6").model_copy(update={"at": later + timedelta(seconds=1)})
    assert take(database, hit(late, entry_id)) == 0


def test_hit_of_an_entry_that_the_hub_does_not_know_keeps_its_read_and_raises_nothing(database: Database) -> None:
    assert take(database, hit(plate_read("99|ب|1"), "f" * 22)) == 0
    count = database.read_now(lambda connection: connection.execute("SELECT count(*) FROM plate_reads").fetchone()[0])
    assert count == 1


@pytest.mark.parametrize(
    ("since", "until", "raised"), [(60, None, 0), (None, 0, 0), (0, 60, 1), (None, 60, 1)], ids=str
)
def test_terms_of_time_hold_for_plain_reads(
    database: Database, since: int | None, until: int | None, raised: int
) -> None:
    bounds = [None if minutes is None else NOON + timedelta(minutes=minutes) for minutes in (since, until)]
    wish = entries.PlateWish("9|أ|7", "x", valid_from=bounds[0], valid_until=bounds[1])
    database.write_now(lambda connection: entries.add(connection, "", "", "amal", NOON, wish))
    assert alerts_of(database, plate_read("9|أ|7")) == raised
