"""Disks that fail, fill, turn read-only, vanish and come back; logs that are torn."""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.store.samples import clip, motion, open_store, settle
from tests.faults.failing import Trial, calm, trials_of
from vigie_agent.store import Reader, writer
from vigie_agent.store.check import broken
from vigie_agent.store.database import FILE_NAME
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded

ROOT = Path(__file__).parents[2]
PROGRESS_TRIALS = 50
CAMPAIGN = os.environ.get("VIGIE_FAULTS")
"""A folder for the trials of the long form: one that was cut off goes on there. One in the memory is the quickest."""
ONCE, UNTIL_IT_IS_BACK = 1, 0
KINDS = [
    pytest.param(errno.EIO, ONCE, id="i/o error"),
    pytest.param(errno.EIO, UNTIL_IT_IS_BACK, id="dead disk"),
    pytest.param(errno.ENOSPC, ONCE, id="full for a moment"),
    pytest.param(errno.ENOSPC, UNTIL_IT_IS_BACK, id="full disk"),
    pytest.param(errno.EROFS, UNTIL_IT_IS_BACK, id="read-only disk"),
]


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("FAULTS NOT TESTED: no C compiler here for tests/faults/shim.c (apt install gcc libc6-dev)")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    return library


def fail_each(shim: Path, folder: Path, error: int, count: int, step: int) -> list[Trial]:
    """Try in a process of its own; those that were tried already in `folder` are not tried again."""
    command = [sys.executable, "-m", "tests.faults.failing", str(folder), str(error), str(count), str(step)]
    environment = os.environ | {"LD_PRELOAD": str(shim)}
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("w+") as log:
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process:
            assert process.stdout is not None
            for number, line in enumerate((line for line in process.stdout if line.startswith("{")), start=1):
                if number % PROGRESS_TRIALS == 0:
                    print(f"{os.strerror(error)}: {line.strip()}", flush=True)
        log.seek(0)
        assert process.returncode == 0, log.read()[-3000:]
    return trials_of(folder)


def summary(trials: list[Trial]) -> dict[str, int]:
    faults = [trial for trial in trials if trial.reached]
    return {
        "faults": len(faults),
        "kept": sum(trial.kept for trial in faults),
        "gaps": sum(trial.gaps for trial in faults),
        "lost": sum(trial.lost for trial in faults),
        "corrupt": sum(trial.corrupt for trial in faults),
        "failed": sum(bool(trial.failure) for trial in trials),
    }


def failures(trials: list[Trial]) -> list[str]:
    return [f"fault {trial.nth}: {trial.failure}" for trial in trials if trial.failure]


@pytest.mark.parametrize(("error", "count"), KINDS)
def test_a_call_that_fails_loses_nothing_that_was_durable_and_nothing_in_silence(
    shim: Path, tmp_path: Path, error: int, count: int
) -> None:
    trials = fail_each(shim, tmp_path, error, count, step=37)
    assert failures(trials) == []
    assert summary(trials)["faults"] > 3
    assert summary(trials)["kept"] > 0


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize(("error", "count"), KINDS)
def test_every_call_that_fails(shim: Path, tmp_path: Path, error: int, count: int) -> None:
    folder = Path(CAMPAIGN or tmp_path) / f"{errno.errorcode[error]}-{count or 'all'}"
    trials = fail_each(shim, folder, error, count, step=1)
    print(f"\n{os.strerror(error)} × {count or 'all'}: {summary(trials)}")
    assert failures(trials) == []
    assert summary(trials)["faults"] > 100


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("FULL DISK NOT TESTED: this user may not mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


def test_on_a_disk_that_is_smaller_than_the_quota_the_oldest_make_way(small_disk: Path) -> None:
    store = open_store(small_disk / "data", free_bytes_min=3_000_000)
    kept = [clip(1_000_000, segments=4) for _ in range(30)]
    for one in kept:
        store.keep_clip(one)
        settle(store)
    assert store.manifest(kept[-1].clip_id) is not None
    assert 4 <= store.counts().clips < 12
    gaps = [row.event for row in store.outbox_after("hlt", 0, 99) if isinstance(row.event, GapRecorded)]
    gone = {one.clip_id for one in kept if store.manifest(one.clip_id) is None}
    assert gone <= {gap.clip_id for gap in gaps if gap.reason == "overwritten"}
    assert store._reader.ask(broken) == []
    store.close()


def test_a_disk_that_vanishes_is_missed_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "REOPEN_SECONDS", 0.0)
    folder, away = tmp_path / "data", tmp_path / "away"
    store = open_store(folder)
    before, lost, after = clip(), clip(), clip()
    store.keep_clip(before)
    settle(store)
    folder.rename(away)
    folder.mkdir()  # what is left where a disk was mounted
    store.keep_clip(lost)
    store.record(motion())
    with pytest.raises(StoreError):
        settle(store)
    assert store.fault is not None
    assert list(folder.iterdir()) == [], "an empty folder is no new store"
    folder.rmdir()
    away.rename(folder)
    _come_back_and_look(store, before.clip_id, lost.clip_id, after)


def _come_back_and_look(store: object, before: str, lost: str, after: object) -> None:
    from vigie_agent.store import Store

    assert isinstance(store, Store)
    store.keep_clip(after)  # type: ignore[arg-type]
    calm(store)
    assert store.fault is None
    assert store.manifest(before) is not None
    assert store.manifest(after.clip_id) is not None  # type: ignore[attr-defined]
    assert store.manifest(lost) is None
    gaps = [row.event for row in store.outbox_after("hlt", 0, 99) if isinstance(row.event, GapRecorded)]
    assert {gap.reason for gap in gaps} == {"disk_error"}
    assert store._reader.ask(broken) == []
    store.close()


def test_a_log_torn_anywhere_ends_at_its_last_whole_transaction(tmp_path: Path) -> None:
    folder, torn = tmp_path / "data", tmp_path / "torn"
    store = open_store(folder)
    told = []
    for _ in range(4):
        one = clip(60_000)
        store.keep_clip(one)
        store.record(motion())
        settle(store)
        told.append(one.clip_id)
    shutil.copytree(folder, tmp_path / "copy")
    store.close()
    wal = (tmp_path / "copy" / f"{FILE_NAME}-wal").read_bytes()
    frame = 24 + 4096
    ends = [32 + frame * number for number in range((len(wal) - 32) // frame + 1)]
    kept_before = -1
    for end in sorted({0, 17, *ends[::7], *(end + 1000 for end in ends[::11]), ends[-1]}):
        for tear in (wal[:end], wal[:end] + b"\x5a" * (len(wal) - end)):
            shutil.rmtree(torn, ignore_errors=True)
            shutil.copytree(tmp_path / "copy", torn)
            (torn / f"{FILE_NAME}-shm").unlink(missing_ok=True)
            (torn / f"{FILE_NAME}-wal").write_bytes(tear)
            kept = _look_at_torn(torn, told)
        assert kept >= kept_before, "the longer the log, the more is there"
        kept_before = kept
    assert kept_before == len(told)


def _look_at_torn(folder: Path, told: list[str]) -> int:
    """How many of the clips are there, which are the first ones; raises where anything is half there."""
    connection = sqlite3.connect(folder / FILE_NAME)
    has_schema = connection.execute("PRAGMA user_version").fetchone() != (0,)
    connection.close()
    if not has_schema:
        return 0
    store = open_store(folder)
    assert store._reader.ask(broken) == []
    there = [store.manifest(clip_id) is not None for clip_id in told]
    assert there == sorted(there, reverse=True)
    store.close()
    reader = Reader(folder)
    assert list(Scrub(reader, folder).run(Level.DIGEST)) == []
    reader.close()
    return sum(there)
