"""The clip store beside files with an index, in turns: segments of a camera come in, the oldest clips go out.

What is written is what the kernel sends to the block device for this process (proc(5), write_bytes), journals and
checkpoints included.
"""

import argparse
import hashlib
import os
import resource
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from tests.agent.store.samples import FixedClock, clip, settle
from vigie_agent.camera import FinishedClip
from vigie_agent.store import Store
from vigie_shared.bench import Measurement

SUMMARY = "throughput, processor time and bytes written of the clip store, beside files with an index"

SEGMENTS, SEGMENT_BYTES = 8, 500_000
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Kept:
    """What keeping the clips cost."""

    mb_per_s: float
    cpu_ms_per_mb: float
    written_ratio: float
    disk_ratio: float
    """Of the disk, to what is to be kept."""


UNITS = {"mb_per_s": "MB/s", "cpu_ms_per_mb": "ms", "written_ratio": "", "disk_ratio": ""}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clips", type=int, default=60, metavar="N", help="clips of 4 MB in a round")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="rounds of each kind")
    parser.add_argument("--folder", type=Path, help="where to write; the temporary folder by default")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    count, rounds = (6, 1) if arguments.quick else (arguments.clips, arguments.rounds)
    ours: list[Kept] = []
    theirs: list[Kept] = []
    for _ in range(rounds):
        for side, keep in ((ours, keep_in_store), (theirs, keep_in_files)):
            side.append(measure(arguments.folder, count, keep))
    for metric, unit in UNITS.items():
        value, baseline = (median(getattr(kept, metric) for kept in side) for side in (ours, theirs))
        case = f"{count} clips of {SEGMENTS} × {SEGMENT_BYTES / 1e6:g} MB, half of them kept"
        yield Measurement(case=case, metric=metric, value=value, unit=unit, baseline=baseline)


def measure(folder: Path | None, count: int, keep: Callable[[Path, list[FinishedClip], int], None]) -> Kept:
    """Keep `count` clips, of which half may stay."""
    clips = [clip(SEGMENTS * SEGMENT_BYTES, SEGMENTS, START + timedelta(seconds=number)) for number in range(count)]
    megabytes = sum(one.bytes for one in clips) / 1e6
    keep_bytes_max = count // 2 * SEGMENTS * SEGMENT_BYTES
    with tempfile.TemporaryDirectory(dir=folder) as place:
        os.sync()
        written, cpu, began = written_bytes(), cpu_seconds(), time.perf_counter()
        keep(Path(place), clips, keep_bytes_max)
        seconds, cpu = time.perf_counter() - began, cpu_seconds() - cpu
        os.sync()
        written = written_bytes() - written
        on_disk = sum(file.stat().st_blocks * 512 for file in Path(place).rglob("*") if file.is_file())
    return Kept(
        mb_per_s=megabytes / seconds,
        cpu_ms_per_mb=cpu * 1e3 / megabytes,
        written_ratio=written / (megabytes * 1e6),
        disk_ratio=on_disk / keep_bytes_max,
    )


def keep_in_store(folder: Path, clips: list[FinishedClip], keep_bytes_max: int) -> None:
    """As the agent does: digests, ledger, events and all."""
    store = Store(folder, "edge", keep_bytes_max=keep_bytes_max, clock=FixedClock(START))
    for one in clips:
        store.keep_clip(one)
        settle(store)
        assert store.fault is None, store.fault
    store.close()


def keep_in_files(folder: Path, clips: list[FinishedClip], keep_bytes_max: int) -> None:
    """A file a segment, synced and renamed, then its row: what a careful recorder does. Digests as in the store."""
    index = sqlite3.connect(folder / "index.db", isolation_level=None)
    index.execute("PRAGMA journal_mode = WAL")
    index.execute("PRAGMA synchronous = FULL")
    index.execute("CREATE TABLE segments (name TEXT PRIMARY KEY, clip_id TEXT, size INTEGER, sha256 BLOB)")
    index.execute("CREATE TABLE clips (clip_id TEXT PRIMARY KEY, sha256 TEXT)")
    directory = os.open(folder, os.O_RDONLY)
    kept: list[FinishedClip] = []
    for one in clips:
        _write_files(folder, directory, index, one)
        kept.append(one)
        while sum(known.bytes for known in kept) > keep_bytes_max:
            gone = kept.pop(0)
            index.execute("DELETE FROM segments WHERE clip_id = ?", (gone.clip_id,))
            for number in range(len(gone.segments)):
                (folder / f"{gone.clip_id}-{number}").unlink()
    os.close(directory)
    index.close()


def _write_files(folder: Path, directory: int, index: sqlite3.Connection, one: FinishedClip) -> None:
    whole, rows = hashlib.sha256(), []
    for number, data in enumerate(one.segments):
        name = f"{one.clip_id}-{number}"
        whole.update(data)
        with (folder / f"{name}.part").open("wb") as file:
            file.write(data)
            file.flush()
            os.fdatasync(file.fileno())
        (folder / f"{name}.part").rename(folder / name)
        rows.append((name, one.clip_id, len(data), hashlib.sha256(data).digest()))
    os.fsync(directory)
    index.execute("BEGIN IMMEDIATE")
    index.executemany("INSERT INTO segments VALUES (?, ?, ?, ?)", rows)
    index.execute("INSERT INTO clips VALUES (?, ?)", (one.clip_id, whole.hexdigest()))
    index.execute("COMMIT")


def written_bytes() -> int:
    """What this process has sent to block devices."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def cpu_seconds() -> float:
    """Processor time of this process, the system's on its behalf included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
