"""A new epoch in the same store: what the hub has keeps its age, what it lacks begins at 1."""

from datetime import timedelta
from pathlib import Path

from tests.agent.store.samples import FixedClock, clip, motion, open_store, read, settle
from vigie_agent.store import Store
from vigie_agent.store.check import broken
from vigie_agent.store.clips import counts
from vigie_agent.store.epochs import Arrived


def filled(folder: Path) -> tuple[Store, FixedClock]:
    clock = FixedClock()
    store = open_store(folder, clock=clock)
    for _ in range(6):
        store.record(motion())
        store.record_read(read(), b"jpeg")
        store.keep_clip(clip())
    settle(store)
    return store, clock


def test_what_has_not_arrived_is_told_from_one_on_and_the_rest_is_forgotten_in_time(tmp_path: Path) -> None:
    store, clock = filled(tmp_path)
    motions = [row.event for row in store.outbox_after("mot", 0, 10)]
    clips = [row.event for row in store.outbox_after("clip", 0, 10)]
    before = store.epoch
    told = store.begin_epoch({"mot": Arrived(2, frozenset({5})), "clip": Arrived(4)})
    assert store.epoch != before
    assert {lane: count for lane, count in told.items() if count} == {"mot": 3, "lpr": 6, "clip": 2}
    assert [row.event for row in store.outbox_after("mot", 0, 10)] == [motions[2], motions[3], motions[5]]
    assert [(row.seq, row.event) for row in store.outbox_after("clip", 0, 10)] == [(1, clips[4]), (2, clips[5])]
    assert (store.newest()["mot"], store.oldest()["mot"], store.receipted()["mot"]) == (3, 1, 0)
    assert store._reader.ask(broken) == []
    clock.at += timedelta(days=3)
    assert store.forget(timedelta(days=2), timedelta(days=30)).result() == 3 + 4
    store.note_receipt({"mot": 3, "clip": 2}).result()
    assert store.forget(timedelta(days=2), timedelta(days=30)).result() == 3 + 2
    assert store._reader.ask(broken) == []
    assert store._reader.ask(counts)[0] == 6
    store.close()


def test_an_epoch_lasts_and_so_does_another_after_it(tmp_path: Path) -> None:
    store, _clock = filled(tmp_path)
    store.begin_epoch({"mot": Arrived(6)})
    store.record(motion())
    settle(store)
    store.begin_epoch({"mot": Arrived(0)})
    epoch = store.epoch
    store.close()
    store = open_store(tmp_path)
    assert (store.epoch, store.newest()["mot"], store.newest()["lpr"]) == (epoch, 1, 6)
    assert store._reader.ask(broken) == []
    store.close()


def test_each_opening_is_noted_until_it_was_compared(tmp_path: Path) -> None:
    store, _clock = filled(tmp_path)
    store.close()
    store = open_store(tmp_path)
    assert store.openings()["mot"] == [1, 7]
    assert store.marks({"mot": [6, 7]}).keys() == {("mot", 6)}
    store.note_same([("mot", 1)])
    assert store.openings()["mot"] == [7]
    store.close()
