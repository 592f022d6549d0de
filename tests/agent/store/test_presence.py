"""While no agent runs nobody watches: its next start says so, from the last moment that it surely did."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.store.samples import START, FixedClock, clip, motion, settle
from vigie_agent.store import Store
from vigie_shared.events import GapRecorded


def opened(folder: Path, clock: FixedClock) -> Store:
    return Store(folder, "gate-north", keep_bytes_max=1 << 30, clock=clock)


def gaps(store: Store) -> list[GapRecorded]:
    settle(store)
    return [row.event for row in store.outbox_after("hlt", 0, 100) if isinstance(row.event, GapRecorded)]


def test_a_new_store_was_never_absent(tmp_path: Path) -> None:
    store = opened(tmp_path, FixedClock())
    store.record_absence(["north", "south"])
    assert gaps(store) == []
    store.close()


def test_the_time_between_two_runs_is_a_gap_of_every_camera(tmp_path: Path) -> None:
    clock = FixedClock()
    opened(tmp_path, clock).close()
    clock.at = START + timedelta(hours=5)
    store = opened(tmp_path, clock)
    store.record_absence(["north", "south"])
    found = gaps(store)
    store.close()
    assert [(gap.camera_id, gap.reason) for gap in found] == [("north", "agent_down"), ("south", "agent_down")]
    assert {(gap.at, gap.ended_at) for gap in found} == {(START, START + timedelta(hours=5))}


@pytest.mark.parametrize("watched", [timedelta(minutes=7), timedelta(minutes=11)])
def test_footage_that_is_kept_is_no_gap_even_where_the_agent_could_not_say_goodbye(
    tmp_path: Path, watched: timedelta
) -> None:
    clock = FixedClock()
    store = opened(tmp_path, clock)
    store.forget(timedelta(days=1), timedelta(days=1)).result()
    store.record(motion(at=START + timedelta(minutes=6)))
    kept = clip(at=START + watched)
    store.keep_clip(kept)
    settle(store)
    store.close()  # its clock stands at the start: what it says of the end is older than the clip
    clock.at = START + timedelta(hours=1)
    store = opened(tmp_path, clock)
    store.record_absence(["gate"])
    (gap,) = gaps(store)
    store.close()
    assert (gap.at, gap.ended_at) == (kept.ended_at, clock.at)


def test_a_clock_that_went_back_makes_no_gap(tmp_path: Path) -> None:
    clock = FixedClock()
    opened(tmp_path, clock).close()
    clock.at = START - timedelta(days=365)
    store = opened(tmp_path, clock)
    store.record_absence(["gate"])
    assert gaps(store) == []
    store.close()
