"""What a measurement says of its machine, and of who else was using it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vigie_shared import machine
from vigie_shared.machine import Watch, this_machine

BURN = "import time; end = time.monotonic() + 0.4\nwhile time.monotonic() < end: pass"


def test_the_machine_is_described() -> None:
    here = this_machine()
    assert here.cpu
    assert 1 <= here.cores <= (os.cpu_count() or 1)
    assert here.memory_bytes > 2**20
    assert here.python == ".".join(str(part) for part in sys.version_info[:3])


@pytest.mark.parametrize(("own_seconds", "share"), [(8.0, 0.0), (6.0, 0.1)])
def test_work_of_others_disturbs_and_our_own_does_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_seconds: float, share: float
) -> None:
    busy, own, clock = iter((100.0, 108.0)), iter((50.0, 50.0 + own_seconds)), iter((0.0, 10.0))
    monkeypatch.setattr(machine, "_busy_seconds", lambda: next(busy))
    monkeypatch.setattr(machine, "_own_seconds", lambda: next(own))
    monkeypatch.setattr(machine, "_monotonic", lambda: next(clock))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    conditions = Watch(tmp_path).conditions()
    assert (conditions.others_cpu_share, conditions.disturbed) == (share, share > 0)


@pytest.mark.parametrize(("load", "disturbed"), [(0.0, False), (64.0, True)])
def test_a_busy_start_counts_as_disturbed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, load: float, disturbed: bool
) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr(machine, "_busy_seconds", lambda: 1.0)
    monkeypatch.setattr(machine, "_own_seconds", lambda: 1.0)
    assert Watch(tmp_path).conditions().disturbed is disturbed


def test_processor_time_of_the_machine_contains_our_childrens() -> None:
    busy, own = machine._busy_seconds(), machine._own_seconds()
    subprocess.run([sys.executable, "-S", "-c", BURN], check=True)
    assert machine._own_seconds() - own > 0
    assert machine._busy_seconds() - busy > 0


def test_outside_git_the_commit_is_unknown(tmp_path: Path) -> None:
    conditions = Watch(tmp_path).conditions()
    assert (conditions.commit, conditions.dirty) == (None, None)


def test_a_changed_checkout_is_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    git("init")
    (tmp_path / "file").touch()
    git("add", "file")
    git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-m", "a file")
    clean = Watch(tmp_path).conditions()
    assert clean.commit
    assert clean.dirty is False
    (tmp_path / "file").write_text("changed")
    assert Watch(tmp_path).conditions().dirty is True
