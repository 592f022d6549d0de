"""`kill -9` at random points: no clip that was told is lost, none is corrupt, at most the open GOP is missing.

Five kills in the default run, 200 with `pytest -m soak tests/faults/test_kills.py`, which prints a table.
"""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.writing import open_store
from vigie_agent.store import Reader, Store
from vigie_agent.store.check import broken
from vigie_agent.store.scrub import Level, Scrub
from vigie_shared.events import GapRecorded
from vigie_shared.transfer import block_digests

PLAYABLE_SEGMENTS = 2
"""An init segment alone shows nothing, and is not kept."""
ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("VIGIE_KILLS", "200"))


@dataclass
class Campaign:
    """What was told before each kill, and what was found after it."""

    folder: Path
    found: Counter[str] = field(default_factory=Counter)
    clips: dict[str, str] = field(default_factory=dict)
    segments: dict[str, int] = field(default_factory=dict)
    motions: int = 0

    def kill_once(self, chance: random.Random) -> None:
        command = [sys.executable, "-m", "tests.faults.writing", str(self.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, env=os.environ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(chance.randint(1, 12))]
            try:
                process.wait(timeout=chance.uniform(0, 0.2))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
            lines += process.stdout.read().splitlines(keepends=True)
        assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
        self.hear([line.split() for line in lines if line.endswith("\n")])
        self.found["kills"] += 1

    def hear(self, lines: list[list[str]]) -> None:
        """What `writing` told."""
        for line in lines:
            if line[0] == "segment":
                self.segments[line[1]] = int(line[2])
            elif line[0] == "clip":
                self.clips[line[1]] = line[2]
                self.segments.pop(line[1], None)
            elif line[0] == "mot":
                self.motions = int(line[1])
        self.found["clips told"] = len(self.clips)

    def look(self) -> None:
        """Open the store as a new agent does, and compare."""
        store = open_store(self.folder)
        try:
            assert store.newest()["mot"] >= self.motions, "an event that was told is gone"
            assert store._reader.ask(broken) == []
            for clip_id, sha256 in self.clips.items():
                self._look_at(store, clip_id, sha256)
            for clip_id, count in self.segments.items():
                self.found["open GOPs missing"] += 1
                if count >= PLAYABLE_SEGMENTS:
                    self.found["durable segments lost"] += count - min(count, len(store._reader.segments(clip_id)))
        finally:
            store.close()
        self.segments.clear()
        self._look_closer()

    def _look_at(self, store: Store, clip_id: str, sha256: str) -> None:
        promise = store._reader.promise(clip_id)
        if promise is not None:
            digest, _blocks = block_digests(store.read(clip_id, 0, promise[0]))
            self.found["corrupt"] += (digest, sha256) != (promise[1], promise[1])
        elif not left_in_order(store, clip_id):
            self.found["lost"] += 1

    def _look_closer(self) -> None:
        """All bytes, told or not, as `vigie agent store check --level digest` does."""
        reader = Reader(self.folder)
        try:
            findings = list(Scrub(reader, self.folder).run(Level.DIGEST))
        finally:
            reader.close()
        self.found["findings of check --level digest"] += len(findings)

    def table(self) -> str:
        rows = ("kills", "clips told", "lost", "corrupt", "durable segments lost", "open GOPs missing")
        return "\n".join(f"{row:<34} {self.found[row]}" for row in (*rows, "findings of check --level digest"))


def left_in_order(store: Store, clip_id: str) -> bool:
    """It made way: after the hub's word, or with a gap that is signed and names it."""
    states = {
        state
        for (state,) in store._reader.ask(
            lambda ledger: ledger.execute("SELECT state FROM ledger WHERE clip_id = ?", (clip_id,)).fetchall()
        )
    }
    if {"acknowledged", "expired"} <= states:
        return True
    rows = store.outbox_after("hlt", 0, 100_000)
    gaps = [row.event for row in rows if isinstance(row.event, GapRecorded)]
    return "overwritten" in states and any(gap.clip_id == clip_id and gap.signature for gap in gaps)


def run(folder: Path, kills: int, seed: int) -> Campaign:
    campaign, chance = Campaign(folder), random.Random(seed)
    for _ in range(kills):
        campaign.kill_once(chance)
        campaign.look()
    return campaign


def assert_nothing_lost(campaign: Campaign, kills: int) -> None:
    found = campaign.found
    assert (found["kills"], found["clips told"] > 0) == (kills, True)
    assert found["lost"] == found["corrupt"] == found["durable segments lost"] == 0, campaign.table()
    assert found["findings of check --level digest"] == 0, campaign.table()


def test_five_kills_lose_nothing_that_was_told(tmp_path: Path) -> None:
    campaign = run(tmp_path, 5, seed=random.randrange(10**6))
    assert_nothing_lost(campaign, 5)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_kills_lose_nothing_that_was_told(tmp_path: Path) -> None:
    campaign = run(tmp_path, KILLS, seed=random.randrange(10**6))
    print(f"\n{campaign.table()}")
    assert_nothing_lost(campaign, KILLS)
