"""The power fails: whatever the disk lost of what was not synced, no clip that was told is lost or wrong.

A store is recorded once; then disks that a cut may leave are made at many points of it, and each is opened as a new
agent does. Some of them in the default run; after every operation, in three ways each, with `pytest -m soak -s`.
"""

import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.power import CUTS, Cut, Disk, Op, ops_of
from tests.faults.test_kills import Campaign

ROOT = Path(__file__).parents[2]
MEMORY = Path("/dev/shm")
"""Where there is one, images are made there: they need to last for a moment only."""
PROGRESS_POINTS = 200
SOAK_CLIPS = int(os.environ.get("VIGIE_POWER_CLIPS", "12"))


def record(folder: Path, clips: int) -> list[Op]:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("POWER CUT NOT TESTED: no C compiler here for tests/faults/recorder.c (apt install gcc libc6-dev)")
    library, log, data = folder / "recorder.so", folder / "log", folder / "data"
    source = Path(__file__).with_name("recorder.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    data.mkdir()
    command = [sys.executable, "-m", "tests.faults.recorded", str(data), str(log), str(clips)]
    subprocess.run(command, cwd=ROOT, env=os.environ | {"LD_PRELOAD": str(library)}, check=True)
    return list(ops_of(log))


class PowerCuts:
    """Cuts the power at points of a recording, and adds up what is found."""

    def __init__(self, folder: Path, ops: list[Op], seed: int) -> None:
        self._folder = folder
        self._ops = ops
        self._disk = Disk(folder / "data")
        self._chance = random.Random(seed)
        self._told = Campaign(folder)
        self.found: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, step: int, cuts: int) -> None:
        """Cut in `cuts` ways after about every `step`-th operation, at another one of each stretch."""
        at = self._chance.randrange(step)
        for number, op in enumerate(self._ops):
            if op.kind == "m":
                self._told.hear([op.data.decode().split()])
            else:
                self._disk.feed(op)
            if number == at or number == len(self._ops) - 1:
                for cut in self._chance.sample(CUTS, cuts):
                    self._cut(number, cut)
                self.found["points"] += 1
                at = (number // step + 1) * step + self._chance.randrange(step)
                if self.found["points"] % PROGRESS_POINTS == 0:
                    print(f"operation {number} of {len(self._ops)}: {dict(self.found)}", flush=True)

    def _cut(self, number: int, cut: Cut) -> None:
        image = self._folder / "image"
        image.mkdir()
        self._disk.write(image, cut, self._chance)
        after = Campaign(image, Counter(), dict(self._told.clips), dict(self._told.segments), self._told.motions)
        self.found["cuts"] += 1
        self.found["clips looked at"] += len(after.clips)
        try:
            after.look()
        except Exception as error:
            self._note(number, cut, f"{type(error).__name__}: {error}")
        found = {what: after.found[what] for what in LOSSES if after.found[what]}
        self.found.update(found)
        if found:
            self._note(number, cut, str(found))
        shutil.rmtree(image)

    def _note(self, number: int, cut: Cut, what: str) -> None:
        self.found["cuts with losses"] += 1
        self.wrong.append(f"operation {number}, {cut.name} ({cut.share}): {what}")


LOSSES = ("lost", "corrupt", "durable segments lost", "findings of check --level digest")


@pytest.fixture
def quick_folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is some: nothing here must last."""
    folder = MEMORY / f"vigie-{os.getpid()}" if os.access(MEMORY, os.W_OK) else tmp_path / "power"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def test_a_power_cut_loses_nothing_that_was_told(quick_folder: Path) -> None:
    ops = record(quick_folder, clips=6)
    cuts = PowerCuts(quick_folder, ops, seed=random.randrange(10**6))
    cuts.run(step=len(ops) // 40, cuts=1)
    assert cuts.wrong == [], cuts.wrong[:5]
    assert cuts.found["clips looked at"] > 50


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_a_power_cut_after_every_operation_loses_nothing_that_was_told(quick_folder: Path) -> None:
    ops = record(quick_folder, SOAK_CLIPS)
    cuts = PowerCuts(quick_folder, ops, seed=random.randrange(10**6))
    cuts.run(step=1, cuts=3)
    print(f"\n{len(ops)} operations: {dict(cuts.found)}")
    assert cuts.wrong == []


def test_a_write_that_was_told_before_its_sync_is_found_out(quick_folder: Path) -> None:
    """The test of this test: with the syncs taken out of the recording, clips are lost."""
    ops = [op for op in record(quick_folder, clips=3) if op.kind != "s"]
    cuts = PowerCuts(quick_folder, ops, seed=1)
    cuts.run(step=len(ops) // 10, cuts=2)
    assert cuts.wrong != []
