"""The process dies at any moment: what is on the disk is still one story."""

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.store.samples import open_store
from vigie_agent.store.check import broken
from vigie_agent.store.database import FILE_NAME
from vigie_shared.events import ClipStored
from vigie_shared.transfer import block_digests

WRITER = """
import sys
from pathlib import Path
from tests.agent.store.samples import clip, motion, open_store, read, settle
store = open_store(Path(sys.argv[1]), keep_bytes_max=4_000_000)
for number in range(1_000_000):
    store.record(motion())
    store.record_read(read(), b"jpeg" * 100)
    store.keep_clip(clip(size_bytes=300_000 + number, segments=9))
    settle(store)
    print(store.newest()["clip"], flush=True)
"""
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("after_clips", [1, 19])
def test_a_killed_writer_leaves_one_story(tmp_path: Path, after_clips: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as process:
        assert process.stdout is not None
        told = 0
        while told < after_clips:
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        told = max([told, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert broken(connection) == []
    connection.close()
    store = open_store(tmp_path)
    assert store.newest()["clip"] >= told, "a clip that was reported durable is gone"
    for row in store.outbox_after("clip", 0, 1000):
        assert isinstance(row.event, ClipStored)
        if manifest := store.manifest(row.event.clip_id):
            digest, _blocks = block_digests(store.read(row.event.clip_id, 0, manifest.bytes))
            assert digest == row.event.sha256
    store.close()
