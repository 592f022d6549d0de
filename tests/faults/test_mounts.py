"""Real disks that turn read-only under the store, vanish, or are read-only from the start; needs root, else skipped."""

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.agent.capture.films import packets_of
from tests.agent.store.samples import clip, digest, filmed, motion, open_store, settle
from tests.faults.failing import calm
from tests.media.films import make_film, walk
from vigie_agent.camera import FinishedClip
from vigie_agent.cli import main
from vigie_agent.store import Store, writer
from vigie_agent.store.check import broken
from vigie_agent.store.database import FILE_NAME
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded


def run(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@dataclass
class Disk:
    """A file system of its own, at a place of its own."""

    place: Path
    mount: Callable[[], bool]

    def unmount(self) -> None:
        """As a disk that is pulled: whoever has files open keeps them, nobody finds them."""
        assert run("umount", "-l", self.place)


@pytest.fixture
def ext4(tmp_path: Path) -> Iterator[Disk]:
    """On a loop device: the kernel can be told that it is damaged."""
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(48 * 1024**2)
    disk = Disk(place, lambda: run("mount", "-o", "loop,errors=remount-ro", image, place))
    if not (shutil.which("mkfs.ext4") and run("mkfs.ext4", "-q", "-F", image) and disk.mount()):
        pytest.skip("READ-ONLY DISK NOT TESTED: no ext4 on a loop device here (needs root, e2fsprogs, loop)")
    yield disk
    while place.is_mount():
        disk.unmount()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Disk]:
    """A tmpfs, mounted a second time where the store is."""
    behind, place = tmp_path / "behind", tmp_path / "disk"
    behind.mkdir()
    place.mkdir()
    disk = Disk(place, lambda: run("mount", "--bind", behind, place))
    if not (run("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", behind) and disk.mount()):
        pytest.skip("VANISHED DISK NOT TESTED: this user may not mount a tmpfs")
    yield disk
    while place.is_mount():
        disk.unmount()
    assert run("umount", "-l", behind)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "REOPEN_SECONDS", 0.0)


def damage(disk: Disk) -> None:
    """The kernel finds an error in the file system, and makes it read-only under all who write."""
    device = subprocess.run(
        ["findmnt", "-no", "SOURCE", disk.place], check=True, capture_output=True, text=True
    ).stdout.strip()
    trigger = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
    if not trigger.exists():
        pytest.skip("READ-ONLY DISK NOT TESTED: this kernel has no trigger_fs_error")
    trigger.write_text("test\n")


def keep(store: Store, one: FinishedClip) -> None:
    store.keep_clip(one)
    settle(store)


def assert_only_this_is_gone(store: Store, kept: list[FinishedClip], lost: FinishedClip) -> None:
    assert store.fault is None
    for one in kept:
        manifest = store.manifest(one.clip_id)
        assert manifest is not None
        assert manifest.sha256 == digest(one)
    assert store.manifest(lost.clip_id) is None
    gaps = [row.event for row in store.outbox_after("hlt", 0, 99) if isinstance(row.event, GapRecorded)]
    assert {gap.reason for gap in gaps} == {"disk_error"}
    assert store._reader.ask(broken) == []


def test_a_disk_that_turns_read_only_is_read_on_and_taken_back(ext4: Disk) -> None:
    store = open_store(ext4.place / "data")
    before, lost, after = clip(300_000), clip(300_000), clip(300_000)
    keep(store, before)
    damage(ext4)
    store.keep_clip(lost)
    store.record(motion())
    with pytest.raises(StoreError):
        settle(store)
    assert store.fault is not None
    assert b"".join(store.read(before.clip_id, 0, before.bytes)) == b"".join(before.segments)
    ext4.unmount()
    store.record(motion())
    calm(store)
    assert store.fault is not None
    with pytest.raises(StoreError):
        store.counts()
    assert ext4.mount(), "nothing of the old disk is held open"
    store.keep_clip(after)
    calm(store)
    assert_only_this_is_gone(store, [before, after], lost)
    store.close()


def test_a_disk_that_is_pulled_is_missed_and_taken_back(memory: Disk) -> None:
    store = open_store(memory.place / "data")
    before, lost, after = clip(300_000), clip(300_000), clip(300_000)
    keep(store, before)
    memory.unmount()
    store.keep_clip(lost)
    calm(store)
    assert store.fault is not None
    assert list(memory.place.iterdir()) == [], "an empty folder is no new store"
    assert memory.mount()
    store.keep_clip(after)
    calm(store)
    assert_only_this_is_gone(store, [before, after], lost)
    store.close()


def read_only(disk: Disk) -> None:
    assert run("mount", "-o", "remount,bind,ro", disk.place)


def test_an_agent_says_in_one_line_that_its_disk_is_read_only(memory: Disk) -> None:
    keep_and_close(memory.place / "data", clip())
    read_only(memory)
    with pytest.raises(StoreError, match=r"(?i)read-?only") as error:
        open_store(memory.place / "data")
    assert "\n" not in str(error.value)


def keep_and_close(folder: Path, one: FinishedClip) -> None:
    store = open_store(folder)
    keep(store, one)
    store.close()


@pytest.mark.parametrize("has_log", [True, False])
def test_a_disk_that_is_mounted_read_only_can_be_checked_and_exported_from(
    memory: Disk, tmp_path: Path, capsys: pytest.CaptureFixture[str], has_log: bool
) -> None:
    one = filmed(*packets_of(make_film(tmp_path / "film.mp4", walk(1, 3), seconds=3)))
    keep_and_close(memory.place / "data", one)
    if not has_log:  # as after a tool that opened the ledger and closed it
        with closing(sqlite3.connect(memory.place / "data" / FILE_NAME)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        assert not (memory.place / "data" / f"{FILE_NAME}-wal").exists()
    read_only(memory)
    settings, out = tmp_path / "agent.toml", tmp_path / "clip.mp4"
    settings.write_text(f'agent_id = "edge"\ndata_dir = "{memory.place / "data"}"\n')
    assert main(["store", "check", "--level", "digest", "--settings", str(settings)]) == 0
    assert main(["store", "stats", "--settings", str(settings)]) == 0
    assert main(["store", "export", one.clip_id, "--exact", "-o", str(out), "--settings", str(settings)]) == 0
    assert out.read_bytes() == b"".join(one.segments)
    assert "sound: 1 clips" in capsys.readouterr().out
