"""What goes, in which order, and what never does: classes, receipts, expiry, holds, and clocks that lie."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.store.samples import START, FixedClock, clip, open_store, read, settle
from vigie_agent.keys import HubKey, load_or_make_agent_key
from vigie_agent.store import Store, repair
from vigie_agent.store.check import broken
from vigie_agent.store.retention import Keep, Limits
from vigie_agent.store.steady_clock import SteadyClock
from vigie_shared import gaps
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded

DAYS = timedelta(days=1)
KEEP = (timedelta(days=2), timedelta(days=30))


def gaps_of(store: Store) -> list[GapRecorded]:
    settle(store)
    return [row.event for row in store.outbox_after("hlt", 0, 100) if isinstance(row.event, GapRecorded)]


def is_kept(store: Store, clip_id: str) -> bool:
    settle(store)
    return store.manifest(clip_id) is not None


def states(store: Store, clip_id: str) -> set[str]:
    query = "SELECT state FROM ledger WHERE clip_id = ?"
    return {state for (state,) in store._reader.ask(lambda ledger: ledger.execute(query, (clip_id,)).fetchall())}


def close_sound(store: Store) -> None:
    settle(store)
    assert store._reader.ask(broken) == []
    store.close()


def test_a_clip_that_goes_without_the_hubs_word_leaves_a_gap_that_the_agent_signed(tmp_path: Path) -> None:
    key = load_or_make_agent_key(tmp_path)
    store = open_store(tmp_path, keep_bytes_max=2500, sign=key.sign)
    kept = [clip(1000) for _ in range(3)]
    for one in kept:
        store.keep_clip(one)
    (gap,) = gaps_of(store)
    assert (gap.reason, gap.clip_id) == ("overwritten", kept[0].clip_id)
    assert gaps.is_signed("edge", gap, HubKey(key.public_key))
    assert not gaps.is_signed("other", gap, HubKey(key.public_key))
    forged = gap.model_copy(update={"ended_at": gap.ended_at + DAYS})
    assert not gaps.is_signed("edge", forged, HubKey(key.public_key))
    close_sound(store)


@pytest.mark.parametrize("read_first", [True, False])
def test_clips_in_which_a_plate_was_read_outlast_the_others(tmp_path: Path, read_first: bool) -> None:
    store = open_store(tmp_path, keep_bytes_max=2500)
    with_plate, later, newest = clip(1000), clip(1000), clip(1000)
    plate = read().model_copy(update={"motion_id": with_plate.motion_id})
    steps: list[Callable[[], None]] = [
        lambda: store.record_read(plate, b"jpeg"),
        lambda: store.keep_clip(with_plate),
    ]
    for step in steps if read_first else reversed(steps):
        step()
    store.keep_clip(later)
    store.keep_clip(newest)
    assert is_kept(store, with_plate.clip_id)
    assert not is_kept(store, later.clip_id)
    close_sound(store)


def test_the_hubs_word_counts_more_than_the_class(tmp_path: Path) -> None:
    store = open_store(tmp_path, keep_bytes_max=2500)
    alert, motion, newest = clip(1000), clip(1000), clip(1000)
    store.keep_clip(alert)
    settle(store)
    store.keep_as(alert.clip_id, "alert").result()
    store.note_receipt({"clip": 1}).result()
    store.keep_clip(motion)
    store.keep_clip(newest)
    assert (is_kept(store, alert.clip_id), is_kept(store, motion.clip_id)) == (False, True)
    assert gaps_of(store) == []
    close_sound(store)


def test_a_class_takes_no_more_than_its_share(tmp_path: Path) -> None:
    classes = (Keep(30, 0.5), Keep(60), Keep(90))
    store = open_store(tmp_path, keep_bytes_max=4000, classes=classes)
    for _ in range(4):
        store.keep_clip(clip(1000))
    settle(store)
    assert store.counts().clips_bytes == 2000
    close_sound(store)


@pytest.mark.parametrize(("kept_as", "days"), [("motion", 30), ("plate", 60), ("alert", 90)])
def test_a_clip_expires_by_its_class_and_only_with_the_hubs_word(tmp_path: Path, kept_as: str, days: int) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, clock=clock)
    one = clip()
    store.keep_clip(one)
    settle(store)
    store.keep_as(one.clip_id, kept_as).result()
    clock.at = START + (days + 1) * DAYS
    store.forget(*KEEP).result()
    assert is_kept(store, one.clip_id), "the hub has not signed for it"
    store.note_receipt({"clip": 1}).result()
    clock.at = START + (days - 1) * DAYS
    store._steady_clock = SteadyClock(None)
    store.forget(*KEEP).result()
    assert is_kept(store, one.clip_id)
    clock.at = START + (days + 1) * DAYS
    store.forget(*KEEP).result()
    assert not is_kept(store, one.clip_id)
    assert {"acknowledged", "expirable", "expired"} <= states(store, one.clip_id)
    close_sound(store)


def test_holds_and_pins_win_over_room_and_age(tmp_path: Path) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, keep_bytes_max=3500, clock=clock)
    held, pinned, free = clip(1000), clip(1000), clip(1000)
    for one in (held, pinned, free):
        store.keep_clip(one)
    settle(store)
    repair.hold(tmp_path, held.clip_id, "legal", "case 7", None, START)
    repair.hold(tmp_path, pinned.clip_id, "pin", "wanted", None, START)
    store.keep_clip(clip(1000))
    store.note_receipt({"clip": 4}).result()
    clock.at = START + 400 * DAYS
    store.forget(*KEEP).result()
    assert [is_kept(store, one.clip_id) for one in (held, pinned, free)] == [True, True, False]
    assert repair.release(tmp_path, held.clip_id, "legal", START) == 1
    assert repair.release(tmp_path, pinned.clip_id, "pin", START) == 1
    store.forget(*KEEP).result()
    assert [is_kept(store, one.clip_id) for one in (held, pinned)] == [False, False]
    close_sound(store)


def test_where_holds_fill_the_store_new_clips_are_gaps_and_an_alarm(tmp_path: Path) -> None:
    store = open_store(tmp_path, keep_bytes_max=2000)
    held, refused = [clip(1000), clip(1000)], clip(1000)
    for one in held:
        store.keep_clip(one)
        settle(store)
        repair.hold(tmp_path, one.clip_id, "legal", "case 8", None, START)
    store.keep_clip(refused)
    settle(store)
    assert "on hold" in str(store.fault)
    assert [is_kept(store, one.clip_id) for one in (*held, refused)] == [True, True, False]
    store.record_absence([])
    store.forget(*KEEP).result()
    assert [gap.reason for gap in gaps_of(store)] == ["disk_full"]
    close_sound(store)


def test_a_hold_ends_at_its_time_and_one_in_the_past_is_refused(tmp_path: Path) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, clock=clock)
    one = clip()
    store.keep_clip(one)
    store.note_receipt({"clip": 1}).result()
    with pytest.raises(StoreError, match="would end at once"):
        repair.hold(tmp_path, one.clip_id, "legal", "late", START - DAYS, START)
    with pytest.raises(StoreError, match="no clip 0"):
        repair.hold(tmp_path, "0" * 22, "legal", "none", None, START)
    repair.hold(tmp_path, one.clip_id, "legal", "case 9", START + 50 * DAYS, START)
    clock.at = START + 40 * DAYS
    store.forget(*KEEP).result()
    store.forget(*KEEP).result()
    assert is_kept(store, one.clip_id)
    clock.at = START + 51 * DAYS
    store.forget(*KEEP).result()
    store.forget(*KEEP).result()
    assert not is_kept(store, one.clip_id)
    close_sound(store)


@pytest.mark.parametrize("years", [1, -1])
def test_a_clock_that_jumps_a_year_takes_nothing_away(tmp_path: Path, years: int) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, clock=clock)
    one = clip()
    store.keep_clip(one)
    store.note_receipt({"clip": 1}).result()
    repair.hold(tmp_path, one.clip_id, "legal", "case 10", START + 50 * DAYS, START)
    store.forget(*KEEP).result()
    clock.jump(365 * years * DAYS)
    store.forget(*KEEP).result()
    beyond = clip(at=clock.at)
    store.keep_clip(beyond)
    assert is_kept(store, one.clip_id)
    assert is_kept(store, beyond.clip_id)
    assert len(store._reader.holds()) == 1
    clock.jump(-365 * years * DAYS)
    store.forget(*KEEP).result()
    close_sound(store)
    store = open_store(tmp_path, clock=clock)
    assert is_kept(store, one.clip_id)
    close_sound(store)


def test_which_clip_is_oldest_is_no_matter_of_clocks(tmp_path: Path) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, keep_bytes_max=2500, clock=clock)
    first, from_the_past, newest = clip(1000), clip(1000, at=START - 365 * DAYS), clip(1000)
    for one in (first, from_the_past, newest):
        store.keep_clip(one)
    assert [is_kept(store, one.clip_id) for one in (first, from_the_past)] == [False, True]
    close_sound(store)


def test_what_the_disk_lacks_is_taken_from_what_may_be_kept() -> None:
    limits = Limits(1000, free_bytes_min=100)
    assert limits.allowed_bytes(500, 10_000) == 1000
    assert limits.allowed_bytes(500, 200) == 600
    assert limits.allowed_bytes(500, 0) == 400
    assert limits.allowed_bytes(50, 0) == 0
    assert limits.allowed_bytes(500, None) == 1000, "a disk that cannot be asked is no reason to delete"


def test_a_clock_is_doubted_for_a_day_after_it_jumped() -> None:
    clock = SteadyClock(START)
    assert clock.believes(START + DAYS, 0)
    assert clock.believes(START + DAYS + timedelta(minutes=1), 60)
    assert not clock.believes(START + 100 * DAYS, 120)
    assert not clock.believes(START + 100 * DAYS + timedelta(hours=23), 120 + 23 * 3600)
    assert clock.believes(START + 101 * DAYS, 120 + 24 * 3600)
    assert not SteadyClock(START).believes(START + 40 * DAYS, 0), "so long away: is that the clock?"
    assert not SteadyClock(START).believes(START - DAYS, 0)
    assert SteadyClock(None).believes(START, 0)
