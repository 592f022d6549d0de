from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.hotlists.house import House, crop, entry
from tests.agent.store.samples import clip, read, settle
from vigie_agent.store import clips
from vigie_shared.events import PlateHit, PlatePictured, PlateRead
from vigie_shared.hotlists.entries import UNCERTAIN


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def hits(house: House) -> list[PlateHit]:
    return [event for event in house.told("hit") if isinstance(event, PlateHit)]


def test_an_exact_read_is_a_hit_with_its_read_its_picture_and_the_lists_age(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.clock.at += timedelta(minutes=10)
    seen = read("12345|أ|6")
    house.desk.record_read(seen, crop())
    (hit,) = hits(house)
    assert hit.read == seen
    assert (hit.rule, hit.check_only, hit.retro) == ("exact", False, False)
    assert (hit.entry_id, hit.list_id, hit.list_version) == (f"{1:022x}", "main", 1)
    assert hit.list_age_seconds == 600
    assert 0 < len(hit.picture) <= 6144
    assert house.told("lpr") == [seen]


def test_a_read_that_hits_nothing_is_only_a_read(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.desk.record_read(read("12346|أ|6"), crop())
    assert hits(house) == []
    assert house.told("crop") == []
    assert len(house.told("lpr")) == 1


def test_a_look_alike_names_its_rule_and_is_for_checking(house: House) -> None:
    house.publish(entry("12345|أ|6", 1, "6/5"))
    house.desk.record_read(read("12346|أ|6"), crop())
    (hit,) = hits(house)
    assert (hit.rule, hit.check_only) == ("6/5", True)


def test_an_uncertain_read_is_never_exact(house: House) -> None:
    house.publish(entry("12345|أ|6", 1), entry("7|أ|7", 2, UNCERTAIN))
    for text in ("12345|أ|6", "7|أ|7"):
        house.desk.record_read(read(text).model_copy(update={"uncertain": True}), crop())
    (hit,) = hits(house)
    assert (hit.entry_id, hit.rule, hit.check_only) == (f"{2:022x}", UNCERTAIN, True)


def test_an_uncertain_read_travels_with_its_picture_once(house: House) -> None:
    house.publish(entry("7|أ|7", 2, UNCERTAIN))
    lone = read("99|أ|9").model_copy(update={"uncertain": True})
    for seen in (lone, read("7|أ|7").model_copy(update={"uncertain": True}), read("8|أ|8")):
        house.desk.record_read(seen, crop())
    (pictured,) = house.told("crop")
    assert isinstance(pictured, PlatePictured)
    assert pictured.read_id == lone.read_id


def test_a_copy_that_is_too_old_makes_hits_for_checking_and_one_signed_anew_does_not(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.clock.at += timedelta(hours=2)
    house.desk.record_read(read("12345|أ|6"), crop())
    house.issued_at = house.clock.at
    assert house.lists.offer("main", house.head()) is None
    house.desk.record_read(read("12345|أ|6"), crop())
    assert [hit.check_only for hit in hits(house)] == [True, False]
    assert [hit.list_age_seconds for hit in hits(house)] == [7200, 0]


def test_a_removed_plate_hits_no_more(house: House) -> None:
    house.publish(entry("12345|أ|6", 1), entry("7|أ|7", 2))
    house.publish(entry("7|أ|7", 2))
    house.desk.record_read(read("12345|أ|6"), crop())
    assert hits(house) == []


def test_clips_of_a_hit_are_kept_as_of_an_alert_whichever_comes_first(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    before, after = clip(), clip()
    house.store.keep_clip(before)
    seen = [read("12345|أ|6").model_copy(update={"motion_id": one.motion_id}) for one in (before, after)]
    for one in seen:
        house.desk.record_read(one, crop())
    house.store.keep_clip(after)
    settle(house.store)
    kept = house.store._reader.ask(
        lambda connection: dict(connection.execute("SELECT clip_id, kept_as FROM clips").fetchall())
    )
    assert {clips.KEPT_AS[number] for number in kept.values()} == {"alert"}
    assert len(kept) == 2


def test_under_a_law_hits_alone_are_told_and_plain_reads_are_not(tmp_path: Path) -> None:
    house = House(tmp_path / "law", non_hits_seconds=60)
    try:
        house.publish(entry("12345|أ|6", 1))
        house.desk.record_read(read("12345|أ|6"), crop())
        house.desk.record_read(read("8|أ|8"), crop())
        house.desk.record_read(read("9|أ|9").model_copy(update={"uncertain": True}), crop())
        assert len(hits(house)) == 1
        assert house.told("lpr") == house.told("crop") == []
        assert house.non_hits is not None
        assert [held.read.text for held in house.non_hits.held()] == ["8|أ|8", "9|أ|9"]
        seen = hits(house)[0].read
        assert isinstance(seen, PlateRead)
        assert house.store.crop(seen.read_id) == crop()
    finally:
        house.store.close()
