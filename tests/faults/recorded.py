"""A store under `recorder.c`: what it does to its disk is written down, and between it what it promised.

`LD_PRELOAD=recorder.so python -m tests.faults.recorded FOLDER LOG CLIPS`
"""

import ctypes
import random
import sys
from pathlib import Path

from tests.faults.writing import keep_one, signature
from vigie_agent.store import Store, database, volumes
from vigie_shared.clock import SystemClock

KEEP_BYTES_MAX = 1_500_000
RECORDER = ctypes.CDLL(None)


def main(folder: Path, log: Path, clips: int) -> None:
    volumes.BYTES_MIN = 512 * 1024  # type: ignore[misc]
    database.WAL_BYTES_MAX = 64 * 1024  # type: ignore[misc]
    RECORDER.vigie_record(str(folder).encode(), str(log).encode())
    store = Store(folder, "edge", keep_bytes_max=KEEP_BYTES_MAX, clock=SystemClock(), sign=signature)
    for _ in range(clips):
        keep_one(store, random.randint(40_000, 400_000), lambda line: RECORDER.vigie_mark(line.encode()))
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
