"""What the store promises: one story, no holes, whole clips, nothing lost in silence."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.agent.store.samples import START, FixedClock, clip, digest, motion, open_store, read, settle
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import Reader, Store, clips, volumes
from vigie_agent.store.check import broken
from vigie_agent.store.database import FILE_NAME
from vigie_shared.errors import StoreError
from vigie_shared.events import LANES, Lane
from vigie_shared.transfer import BLOCK_BYTES, block_digests


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    try:
        yield store
        settle(store)
        assert broken(_connection(store)) == []
    finally:
        store.close()


def _connection(store: Store) -> sqlite3.Connection:
    return store._reader._opened_ledger()


def _events(store: Store, lane: Lane) -> list[Any]:
    return [row.event for row in store.outbox_after(lane, 0, 1000)]


def _ledger(store: Store, clip_id: str) -> set[str]:
    rows = _connection(store).execute("SELECT state FROM ledger WHERE clip_id = ?", (clip_id,))
    return {state for (state,) in rows}


@pytest.fixture
def small_volumes(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Volumes find no room for more than a few pages, until this is undone."""
    connect = volumes.connect

    def limited(path: Path, mode: str) -> sqlite3.Connection:
        connection = connect(path, mode)
        connection.execute(f"PRAGMA page_size = {volumes.PAGE_BYTES}")
        connection.execute("PRAGMA max_page_count = 6")
        return connection

    monkeypatch.setattr(volumes, "connect", limited)
    return monkeypatch


def _fill_disk(store: Store, spare_pages: int) -> None:
    def unit(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + spare_pages}")

    store._writer.submit(unit).result()


def _free_disk(store: Store) -> None:
    store._writer.submit(lambda connection: connection.execute("PRAGMA max_page_count = 1000000")).result()


def test_sequences_of_each_lane_start_at_one_without_holes(store: Store) -> None:
    for _ in range(5):
        store.record(motion())
    store.record_read(read(), b"jpeg")
    settle(store)
    assert [row.seq for row in store.outbox_after("mot", 0, 10)] == [1, 2, 3, 4, 5]
    assert [row.seq for row in store.outbox_after("mot", 3, 1)] == [4]
    assert store.newest() == {**dict.fromkeys(LANES, 0), "mot": 5, "lpr": 1}


def test_a_ledger_of_an_earlier_release_gets_the_lanes_that_it_lacks(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("DELETE FROM lanes WHERE lane IN ('hit', 'crop')")
    with contextlib.closing(open_store(tmp_path)) as store:
        assert store.newest() == dict.fromkeys(LANES, 0)


def test_an_event_comes_back_as_it_was(store: Store) -> None:
    event = read("77-B-1")
    store.record_read(event, b"jpeg")
    settle(store)
    assert _events(store, "lpr") == [event]
    assert store.crop(event.read_id) == b"jpeg"
    assert store.crop("0" * 22) is None


def test_a_clip_comes_back_byte_for_byte(store: Store) -> None:
    kept = clip(size_bytes=BLOCK_BYTES * 2 + 17, segments=5)
    store.keep_clip(kept)
    settle(store)
    manifest = store.manifest(kept.clip_id)
    assert manifest is not None
    assert (manifest.sha256, manifest.block_sha256) == block_digests(kept.segments)
    whole = b"".join(kept.segments)
    assert b"".join(store.read(kept.clip_id, 0, manifest.bytes)) == whole
    assert b"".join(store.read(kept.clip_id, 100_000, 250_001)) == whole[100_000:350_001]
    assert _ledger(store, kept.clip_id) == {"recorded", "hashed", "indexed"}


def test_a_read_past_the_end_is_an_error_not_silence(store: Store) -> None:
    kept = clip(size_bytes=100)
    store.keep_clip(kept)
    settle(store)
    with pytest.raises(StoreError, match="byte 100 is not kept"):
        list(store.read(kept.clip_id, 90, 20))


@pytest.mark.parametrize("early", [(), (0,), (0, 1, 2, 3), (0, 1, 1, 2), (1, 3), (0, 2, 1)])
def test_the_digest_is_that_of_the_whole_however_its_segments_came(store: Store, early: tuple[int, ...]) -> None:
    kept = clip(size_bytes=50_000, segments=5)
    begun = ClipBegun(**{name: getattr(kept, name) for name in ClipBegun.model_fields})
    for idx in early:
        store.keep_segment(begun, idx, kept.segments[idx])
    store.keep_clip(kept)
    settle(store)
    (stored,) = _events(store, "clip")
    assert stored.kind == "clip_stored"
    assert (stored.sha256, stored.bytes) == (digest(kept), kept.bytes)
    assert b"".join(store.read(kept.clip_id, 0, kept.bytes)) == b"".join(kept.segments)


def test_a_receipt_acknowledges_the_clips_that_it_covers(store: Store) -> None:
    first, second = clip(), clip()
    store.keep_clip(first)
    store.keep_clip(second)
    store.note_receipt({"clip": 1}).result()
    assert "acknowledged" in _ledger(store, first.clip_id)
    assert "acknowledged" not in _ledger(store, second.clip_id)
    store.note_receipt({"clip": 2}).result()
    assert "acknowledged" in _ledger(store, second.clip_id)
    assert store.receipted()["clip"] == 2


def test_a_hub_that_forgot_takes_its_acknowledgement_back(store: Store) -> None:
    kept = clip()
    store.keep_clip(kept)
    store.note_receipt({"clip": 1}).result()
    store.note_receipt({"clip": 0}).result()
    assert "acknowledged" not in _ledger(store, kept.clip_id)


def test_acknowledged_clips_make_room_first(tmp_path: Path) -> None:
    store = open_store(tmp_path, keep_bytes_max=2500)
    unacknowledged, acknowledged, newest = clip(1000, at=START), clip(1000), clip(1000)
    store.keep_clip(acknowledged)
    store.note_receipt({"clip": 1}).result()
    store.keep_clip(unacknowledged)
    store.keep_clip(newest)
    settle(store)
    assert store.manifest(acknowledged.clip_id) is None
    assert store.manifest(unacknowledged.clip_id) is not None
    assert "expired" in _ledger(store, acknowledged.clip_id)
    assert _events(store, "hlt") == []
    assert (store.counts().clips, store.counts().clips_bytes) == (2, 2000)
    assert broken(_connection(store)) == []
    store.close()


def test_an_unacknowledged_clip_goes_only_with_a_gap(tmp_path: Path) -> None:
    store = open_store(tmp_path, keep_bytes_max=2500)
    oldest, others = clip(1000), [clip(1000), clip(1000)]
    for kept in (oldest, *others):
        store.keep_clip(kept)
    settle(store)
    (gap,) = _events(store, "hlt")
    assert gap.kind == "gap_recorded"
    assert (gap.reason, gap.at, gap.ended_at) == ("overwritten", oldest.at, oldest.ended_at)
    assert "overwritten" in _ledger(store, oldest.clip_id)
    assert broken(_connection(store)) == []
    store.close()


def test_the_clip_that_comes_is_never_the_one_that_goes(tmp_path: Path) -> None:
    store = open_store(tmp_path, keep_bytes_max=500)
    kept = clip(1000)
    store.keep_clip(kept)
    settle(store)
    assert store.manifest(kept.clip_id) is not None
    store.close()


def test_a_full_disk_becomes_a_gap_and_watching_goes_on(store: Store, small_volumes: pytest.MonkeyPatch) -> None:
    store.record(motion())
    _fill_disk(store, spare_pages=0)
    lost = clip(size_bytes=400_000)
    store.keep_clip(lost)
    settle(store)
    assert store.fault is not None
    assert store.manifest(lost.clip_id) is None
    _free_disk(store)
    small_volumes.undo()
    store.record(motion())
    settle(store)
    assert store.fault is None
    (gap,) = _events(store, "hlt")
    assert gap.kind == "gap_recorded"
    assert (gap.reason, gap.camera_id, gap.at, gap.ended_at) == ("disk_full", "gate", lost.at, lost.ended_at)
    assert store.newest()["mot"] == 2


def test_a_clip_too_large_for_the_disk_takes_no_event_along(store: Store, small_volumes: pytest.MonkeyPatch) -> None:
    store.record(motion())
    hold = store._writer.submit(lambda connection: connection.execute("SELECT 1"))
    store.record(motion())
    store.keep_clip(clip(size_bytes=1_000_000))
    store.record(motion())
    hold.result()
    settle(store)
    assert store.newest()["mot"] == 3
    assert store.newest()["clip"] == 0
    small_volumes.undo()


def test_clips_beyond_the_waiting_limit_become_a_gap(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie_agent.store.store.WAITING_CLIP_BYTES_MAX", -1)
    refused = clip(size_bytes=1)
    with store._guard:
        store._waiting_clip_bytes = 10
    store.keep_clip(refused)
    store.record(motion())
    settle(store)
    assert [event.kind for event in _events(store, "hlt")] == ["gap_recorded"]


def test_receipted_events_leave_after_a_while_oldest_first(tmp_path: Path) -> None:
    clock = FixedClock()
    store = open_store(tmp_path, clock=clock)
    ages = (50, 1, 49, 60)
    for hours in ages:
        store.record(motion(at=START - timedelta(hours=hours)))
    store.note_receipt({"mot": 3}).result()
    assert store.forget(timedelta(hours=48), timedelta(days=30)).result() == 1
    assert [row.seq for row in store.outbox_after("mot", 0, 10)] == [2, 3, 4]
    assert store.oldest()["mot"] == 2
    clock.at += timedelta(days=9)
    store.forget(timedelta(hours=48), timedelta(days=30)).result()
    assert [row.seq for row in store.outbox_after("mot", 0, 10)] == [4]
    store.note_receipt({"mot": 4}).result()
    store.forget(timedelta(hours=48), timedelta(days=30)).result()
    assert store.oldest()["mot"] == 5
    store.record(motion())
    settle(store)
    assert store.newest()["mot"] == 5
    assert broken(_connection(store)) == []
    store.close()


def test_old_pictures_leave(store: Store) -> None:
    old, new = read(at=START - timedelta(days=40)), read()
    store.record_read(old, b"old")
    store.record_read(new, b"new")
    store.note_receipt({"lpr": 2}).result()
    store.forget(timedelta(hours=48), timedelta(days=30)).result()
    assert (store.crop(old.read_id), store.crop(new.read_id)) == (None, b"new")


def test_the_epoch_and_the_sequences_outlive_the_process(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    epoch = store.epoch
    store.record(motion())
    store.close()
    store = open_store(tmp_path)
    store.record(motion())
    settle(store)
    assert store.epoch == epoch
    assert store.newest()["mot"] == 2
    store.close()


def test_closing_writes_all_that_waits(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for _ in range(500):
        store.record(motion())
    store.close()
    store = open_store(tmp_path)
    assert store.newest()["mot"] == 500
    store.close()


def test_recording_after_the_end_raises_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.close()
    store.record(motion())
    store.keep_clip(clip())
    assert store.fault == "the store is closed"


def test_a_second_agent_on_the_same_store_is_refused_with_one_line(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(StoreError, match=r"in use by process \d+: stop that agent, or choose another data_dir"):
        open_store(tmp_path)
    store.close()
    open_store(tmp_path).close()


def test_another_agents_store_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with pytest.raises(StoreError, match="belongs to agent edge, not to other"):
        Store(tmp_path, "other", keep_bytes_max=1, clock=FixedClock())


def test_a_ledger_that_is_no_database_is_put_aside_and_built_anew_from_the_volumes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    kept = [clip(size_bytes=200_000), clip(size_bytes=90_000)]
    for one in kept:
        store.keep_clip(one)
    store.close()
    epoch = store.epoch
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"{FILE_NAME}{suffix}").unlink(missing_ok=True)
    (tmp_path / FILE_NAME).write_bytes(b"not a database, but long enough to look like one" * 50)
    store = open_store(tmp_path)
    assert store.epoch != epoch, "the hub must not take its events for those of the lost ledger"
    for one in kept:
        assert b"".join(store.read(one.clip_id, 0, one.bytes)) == b"".join(one.segments)
    assert [event.clip_id for event in _events(store, "clip") if event.kind == "clip_stored"] == [
        one.clip_id for one in kept
    ]
    assert len(list(tmp_path.glob("store.db.damaged-*"))) == 1
    assert broken(_connection(store)) == []
    store.close()


def test_a_folder_that_cannot_be_is_refused_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use the folder"):
        open_store(tmp_path / "file" / "data")


def test_a_store_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="newer release"):
        open_store(tmp_path)


def test_the_store_can_be_read_beside_the_agent_and_after_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.record(motion())
    settle(store)
    beside = Reader(tmp_path)
    assert (beside.agent_id, beside.newest()["mot"]) == ("edge", 1)
    beside.close()
    store.close()
    after = Reader(tmp_path)
    assert after.counts().motion_events == 1
    after.close()


def test_reading_where_no_store_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store in"):
        Reader(tmp_path)


def test_each_commit_is_told_once_it_is_durable(store: Store) -> None:
    seen: list[int] = []
    store.on_recorded(lambda: seen.append(store.newest()["mot"]))
    store.record(motion())
    settle(store)
    assert seen == [1]
    store.on_recorded(lambda: None)


def test_how_much_there_is_is_looked_up_and_not_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for _ in range(3):
        store.record(motion())
        store.keep_clip(clip(1000))
    settle(store)
    assert (store.counts().clips, store.counts().clips_bytes, store.counts().motion_events) == (3, 3000, 3)
    asked: list[str] = []

    def watched(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(asked.append)
        clips.counts(connection)
        connection.set_trace_callback(None)

    store._reader.ask(watched)
    plan = "EXPLAIN QUERY PLAN "
    steps = store._reader.ask(lambda connection: [connection.execute(plan + one).fetchall() for one in asked])
    assert [step[-1] for (step,) in steps] == ["SEARCH totals USING PRIMARY KEY (what=?)"]
    assert store._reader.ask(broken) == []
    store._writer.submit(lambda connection: connection.execute("UPDATE totals SET count = 9").rowcount).result()
    assert store._reader.ask(broken) == ["a total that is not the sum"]
    store.close()
