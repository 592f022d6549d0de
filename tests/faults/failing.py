"""A process under the shim: the N-th call of the store to its disk fails, for every N, and what follows is looked at.

`LD_PRELOAD=shim.so python -m tests.faults.failing FOLDER ERRNO COUNT STEP`; prints a summary as JSON.
"""

import ctypes
import json
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

from tests.agent.store.samples import clip, motion, open_store, read
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import Reader, Store, writer
from vigie_agent.store.check import broken
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.errors import StoreError
from vigie_shared.events import GapRecorded

SHIM = ctypes.CDLL(None)
FOR_GOOD = 1 << 40


def main(folder: Path, error: int, failing: int, step: int) -> None:
    writer.REOPEN_SECONDS = 0.0  # type: ignore[misc]
    summary = {"faults": 0, "kept": 0, "gaps": 0}
    for nth in count(1, step):
        store_folder = folder / f"store-{nth}"
        reached = one_fault(store_folder, nth, failing or FOR_GOOD, error, summary)
        if not reached:
            break
        summary["faults"] += 1
    print(json.dumps(summary))


def one_fault(folder: Path, nth: int, failing: int, error: int, summary: dict[str, int]) -> bool:
    """Whether the fault came at all; asserts that nothing which was durable is gone, and what is gone is a gap."""
    store = open_store(folder, keep_bytes_max=2_000_000)
    kept = [clip(400_000, segments=4) for _ in range(6)]
    SHIM.vigie_arm(folder.name.encode() + b"/", ctypes.c_long(nth), ctypes.c_long(failing), error)
    durable = set()
    for one in kept:
        keep(store, one)
        durable |= {clip_id for clip_id in [one.clip_id] if is_there(store, clip_id)}
    reached = bool(SHIM.vigie_seen() >= nth)
    SHIM.vigie_arm(b"", ctypes.c_long(-1), ctypes.c_long(0), 0)
    for _ in range(3):  # the disk is back: what waited is written
        store.record(motion())
        calm(store)
    assert store.fault is None, f"fault {nth}: {store.fault}"
    store.close()
    look(folder, nth, {one.clip_id for one in kept}, durable, summary)
    return reached


def keep(store: Store, one: object) -> None:
    begun = ClipBegun(**{name: getattr(one, name) for name in ClipBegun.model_fields})
    for index, data in enumerate(one.segments[:-1]):  # type: ignore[attr-defined]
        store.keep_segment(begun, index, data)
        calm(store)
    store.record_read(read(), b"jpeg")
    store.keep_clip(one)  # type: ignore[arg-type]
    calm(store)


def calm(store: Store) -> None:
    for _ in range(3):
        with suppress(StoreError):
            store._writer.submit(lambda connection: None).result()


def is_there(store: Store, clip_id: str) -> bool:
    with suppress(StoreError):
        return store._reader.promise(clip_id) is not None
    return False


def look(folder: Path, nth: int, clip_ids: set[str], durable: set[str], summary: dict[str, int]) -> None:
    store = open_store(folder, keep_bytes_max=2_000_000)
    assert store._reader.ask(broken) == [], f"fault {nth}"
    gaps = [row.event for row in store.outbox_after("hlt", 0, 1000) if isinstance(row.event, GapRecorded)]
    named = {gap.clip_id for gap in gaps}
    for clip_id in clip_ids:
        if is_there(store, clip_id):
            assert store.manifest(clip_id) is not None
            summary["kept"] += 1
        else:
            assert clip_id in named or (clip_id not in durable and gaps), f"fault {nth}: {clip_id} left in silence"
    summary["gaps"] += len(gaps)
    store.close()
    reader = Reader(folder)
    found = [one for one in Scrub(reader, folder).run(Level.DIGEST) if one.kind != "orphan"]
    reader.close()
    assert found == [], f"fault {nth}: {found}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
