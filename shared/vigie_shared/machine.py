"""The machine that something was measured on, and whether others used it meanwhile."""

import os
import platform
import subprocess
from pathlib import Path
from time import monotonic as _monotonic
from typing import Final

from pydantic import BaseModel, ConfigDict

OTHERS_CPU_SHARE_MAX: Final = 0.05
"""Above this share of all cores, spent by other processes, a run counts as disturbed."""

LOAD_PER_CORE_MAX: Final = 0.5
"""So does a run that starts with more than this load (1 minute) per core."""

_BUSY_COLUMNS: Final = (0, 1, 2, 5, 6, 7)
"""user, nice, system, irq, softirq, steal: proc_stat(5). Guest time is part of user's."""


class Machine(BaseModel):
    """What the figures depend on."""

    model_config = ConfigDict(frozen=True)

    cpu: str
    cores: int
    memory_bytes: int
    kernel: str
    python: str


class Conditions(BaseModel):
    """The machine, the commit, and how undisturbed a run was."""

    model_config = ConfigDict(frozen=True)

    machine: Machine
    commit: str | None
    dirty: bool | None
    disturbed: bool
    others_cpu_share: float
    others_cpu_share_max: float = OTHERS_CPU_SHARE_MAX
    load_at_start: float
    load_at_start_max: float
    seconds: float


def this_machine() -> Machine:
    """Read from `/proc`."""
    return Machine(
        cpu=_field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=int(_field(Path("/proc/meminfo"), "MemTotal").removesuffix(" kB") or 0) * 1024,
        kernel=platform.release(),
        python=platform.python_version(),
    )


def _field(file: Path, name: str) -> str:
    lines = (line.partition(":") for line in file.read_text().splitlines())
    return next((value.strip() for key, _colon, value in lines if key.strip() == name), "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


class Watch:
    """Watches from its making until `conditions` is asked: processor time of others is all that is not ours."""

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._load_at_start = os.getloadavg()[0]
        self._started = _monotonic()
        self._others_before = _busy_seconds() - _own_seconds()

    def conditions(self) -> Conditions:
        """What the run happened under. Children count as ours once they have been waited for."""
        seconds = _monotonic() - self._started
        machine = this_machine()
        others = _busy_seconds() - _own_seconds() - self._others_before
        share = max(0.0, others / (seconds * (os.cpu_count() or 1)))
        load_max = LOAD_PER_CORE_MAX * machine.cores
        changes = _git(self._checkout, "status", "--porcelain")
        return Conditions(
            machine=machine,
            commit=_git(self._checkout, "rev-parse", "HEAD"),
            dirty=None if changes is None else bool(changes),
            disturbed=share > OTHERS_CPU_SHARE_MAX or self._load_at_start > load_max,
            others_cpu_share=round(share, 3),
            load_at_start=round(self._load_at_start, 2),
            load_at_start_max=load_max,
            seconds=round(seconds, 1),
        )


def _busy_seconds() -> float:
    ticks = [int(column) for column in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(ticks[column] for column in _BUSY_COLUMNS) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    return sum(os.times()[:4])
