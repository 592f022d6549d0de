"""A process under the shim: the N-th call of the store to its disk fails, for every N, and what follows is looked at.

`LD_PRELOAD=shim.so python -m tests.faults.failing FOLDER ERRNO COUNT STEP`. One line of JSON for each N, also appended
to `FOLDER/trials.jsonl`: N's that are there already are not tried again, so a campaign that was cut off goes on.
"""

import ctypes
import json
import shutil
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from tests.agent.store.samples import clip, motion, open_store, read
from vigie_agent.camera import FinishedClip
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import Reader, Store, writer
from vigie_agent.store.check import broken
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded

SHIM = ctypes.CDLL(None)
FOR_GOOD = 1 << 40
TRIALS = "trials.jsonl"


@dataclass
class Trial:
    """What came of one fault."""

    nth: int
    reached: bool = False
    kept: int = 0
    gaps: int = 0
    lost: int = 0
    """Clips that left without a word."""
    corrupt: int = 0
    """Findings of `check --level digest`, and broken invariants."""
    failure: str = ""


def main(folder: Path, error: int, failing: int, step: int) -> None:
    writer.REOPEN_SECONDS = 0.0  # type: ignore[misc]
    known = {trial.nth: trial for trial in trials_of(folder)}
    for nth in count(1, step):
        trial = known.get(nth) or attempt(folder / f"store-{nth}", nth, failing or FOR_GOOD, error)
        if nth not in known:
            note(folder, trial)
        if not (trial.reached or trial.failure):
            break


def trials_of(folder: Path) -> list[Trial]:
    """What was tried already; a last line that was cut off is tried again."""
    found = []
    with suppress(FileNotFoundError, ValueError):
        found += [Trial(**json.loads(line)) for line in (folder / TRIALS).read_text(encoding="utf-8").splitlines()]
    return found


def note(folder: Path, trial: Trial) -> None:
    line = json.dumps(asdict(trial))
    with (folder / TRIALS).open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    print(line, flush=True)


def attempt(folder: Path, nth: int, failing: int, error: int) -> Trial:
    """One fault; the store stays for a look at it only where something was wrong."""
    shutil.rmtree(folder, ignore_errors=True)
    trial = Trial(nth)
    try:
        one_fault(folder, failing, error, trial)
    except Exception as wrong:
        trial.failure = f"{type(wrong).__name__}: {wrong}"
    SHIM.vigie_arm(b"", ctypes.c_long(-1), ctypes.c_long(0), 0)
    if not trial.failure:
        shutil.rmtree(folder)
    return trial


def one_fault(folder: Path, failing: int, error: int, trial: Trial) -> None:
    """Asserts that nothing which was durable is gone, and what is gone is a gap."""
    store = open_store(folder, keep_bytes_max=2_000_000)
    kept = [clip(400_000, segments=4) for _ in range(6)]
    SHIM.vigie_arm(folder.name.encode() + b"/", ctypes.c_long(trial.nth), ctypes.c_long(failing), error)
    durable = set()
    for one in kept:
        keep(store, one)
        durable |= {clip_id for clip_id in [one.clip_id] if is_there(store, clip_id)}
    trial.reached = bool(SHIM.vigie_seen() >= trial.nth)
    SHIM.vigie_arm(b"", ctypes.c_long(-1), ctypes.c_long(0), 0)
    for _ in range(3):  # the disk is back: what waited is written
        store.record(motion())
        calm(store)
    assert store.fault is None, store.fault
    store.close()
    look(folder, {one.clip_id for one in kept}, durable, trial)


def keep(store: Store, one: FinishedClip) -> None:
    begun = ClipBegun(**{name: getattr(one, name) for name in ClipBegun.model_fields})
    for index, data in enumerate(one.segments[:-1]):
        store.keep_segment(begun, index, data)
        calm(store)
    store.record_read(read(), b"jpeg")
    store.keep_clip(one)
    calm(store)


def calm(store: Store) -> None:
    for _ in range(3):
        with suppress(StoreError):
            store._writer.submit(lambda connection: None).result()


def is_there(store: Store, clip_id: str) -> bool:
    with suppress(StoreError):
        return store._reader.promise(clip_id) is not None
    return False


def look(folder: Path, clip_ids: set[str], durable: set[str], trial: Trial) -> None:
    store = open_store(folder, keep_bytes_max=2_000_000)
    wrong = store._reader.ask(broken)
    gaps = [row.event for row in store.outbox_after("hlt", 0, 1000) if isinstance(row.event, GapRecorded)]
    named = {gap.clip_id for gap in gaps}
    for clip_id in clip_ids:
        if is_there(store, clip_id):
            assert store.manifest(clip_id) is not None
            trial.kept += 1
        elif not (clip_id in named or (clip_id not in durable and gaps)):
            trial.lost += 1
    trial.gaps = len(gaps)
    store.close()
    reader = Reader(folder)
    found = [one for one in Scrub(reader, folder).run(Level.DIGEST) if one.kind != "orphan"]
    reader.close()
    trial.corrupt = len(wrong) + len(found)
    assert not trial.lost, "clips left in silence"
    assert not trial.corrupt, f"{wrong} {found}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
