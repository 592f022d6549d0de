"""A process that keeps clips GOP by GOP, and tells on standard output what is durable; it ends when it is killed.

`python -m tests.faults.writing FOLDER`. Lines: `segment CLIP COUNT`, `clip CLIP SHA256`, `mot COUNT`, `receipt SEQ`.
"""

import hashlib
import random
import sys
from collections.abc import Callable
from pathlib import Path

from tests.agent.store.samples import clip, digest, motion, read, settle
from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import Store, volumes
from vigie_shared.clock import SystemClock

KEEP_BYTES_MAX = 24_000_000
VOLUME_BYTES = 4 * 1024**2
"""So that there are several."""


def open_store(folder: Path) -> Store:
    """With room for some clips only, so that others have to go."""
    return Store(folder, "edge", keep_bytes_max=KEEP_BYTES_MAX, clock=SystemClock(), sign=signature)


def signature(message: bytes) -> str:
    """Stands for the agent's key: whoever checks can compute it too."""
    return hashlib.sha256(b"key" + message).hexdigest()


def main(folder: Path) -> None:
    volumes.BYTES_MIN = VOLUME_BYTES  # type: ignore[misc]
    store = open_store(folder)
    while True:
        keep_one(store, random.randint(200_000, 2_000_000), print_line)


def keep_one(store: Store, size_bytes: int, tell: Callable[[str], None]) -> None:
    """GOP by GOP; what is told is durable, and what is durable is told soon."""
    kept = clip(size_bytes, segments=random.randint(2, 9), at=store._clock.now())
    begun = ClipBegun(**{name: getattr(kept, name) for name in ClipBegun.model_fields})
    for index, data in enumerate(kept.segments[:-1]):
        store.keep_segment(begun, index, data)
        settle(store)
        tell(f"segment {kept.clip_id} {index + 1}")
    store.record(motion(at=kept.at))
    store.record_read(read(at=kept.at), b"jpeg" * 100)
    store.keep_clip(kept)
    settle(store)
    tell(f"clip {kept.clip_id} {digest(kept)}")
    newest = store.newest()
    tell(f"mot {newest['mot']}")
    if random.random() < 0.5:
        store.note_receipt({"clip": newest["clip"]}).result()
        tell(f"receipt {newest['clip']}")


def print_line(line: str) -> None:
    """At once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
