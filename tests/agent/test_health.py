"""Health: what a heartbeat says of a box, an unreadable disk included."""

import shutil
from pathlib import Path

import pytest

from tests.agent.store.samples import START, FixedClock, clip, open_store, settle
from vigie_agent.health import Health
from vigie_agent.store import Store
from vigie_shared.errors import StoreError
from vigie_shared.heartbeats import CameraHealth, Heartbeat

CAMERA = CameraHealth(camera_id="gate", name="Gate", state="streaming", frames_per_second=25, kbps=900, moving=False)


def health(store: Store, data_dir: Path) -> Health:
    return Health(store, "edge", data_dir, [lambda: CAMERA], interval_seconds=7, clock=FixedClock())


def test_a_heartbeat_says_what_is_kept_and_what_is_still_to_tell(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.keep_clip(clip(size_bytes=1234))
    settle(store)
    beat = health(store, tmp_path).heartbeat()
    store.close()
    assert Heartbeat.model_validate_json(beat.model_dump_json()) == beat
    assert (beat.at, beat.interval_seconds, beat.cameras, beat.epoch) == (START, 7, (CAMERA,), store.epoch)
    assert (beat.clips_kept, beat.clips_bytes, beat.newest["clip"]) == (1, 1234, 1)
    assert beat.disk_free_bytes is not None
    assert abs(beat.disk_free_bytes - shutil.disk_usage(tmp_path).free) < 1024**3


def test_a_disk_that_cannot_be_asked_is_unknown_not_endless(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    beat = health(store, tmp_path / "gone").heartbeat()
    store.close()
    assert beat.disk_free_bytes is None


def test_a_store_that_is_gone_is_told_in_a_heartbeat_that_comes_all_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    store = open_store(folder)
    store.keep_clip(clip(size_bytes=1234))
    settle(store)
    told = health(store, folder)
    assert told.heartbeat().store_fault is None
    folder.rename(tmp_path / "away")
    store.keep_clip(clip())
    with pytest.raises(StoreError):
        settle(store)
    beat = told.heartbeat()
    assert beat.store_fault
    assert (beat.clips_kept, beat.disk_free_bytes) == (1, None)
    (tmp_path / "away").rename(folder)
    store.close()
