"""The demo's processes are started again when they die, and are gone when it ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from vigie_hub.demo.children import Child, Recipe, spoken_line
from vigie_shared.errors import CommandError

SPEAKER = """
import json, signal, sys
print(json.dumps({"level": "warning", "event": "awake"}), flush=True)
signal.pause()
"""
DEAF = """
import json, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps({"level": "warning", "event": "awake"}), flush=True)
while True:
    signal.pause()
"""


class Ear:
    """Hears what children say, and lets a test wait for it."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[str] = asyncio.Queue()

    def __call__(self, _who: str, line: str) -> None:
        self.heard.put_nowait(line)

    async def until(self, line: str) -> None:
        while await asyncio.wait_for(self.heard.get(), 20) != line:
            pass


def recipe(script: str, folder: Path) -> Recipe:
    return Recipe("speaker", (sys.executable, "-c", script), {}, folder / "speaker.log")


async def test_a_child_that_is_killed_is_started_again(tmp_path: Path) -> None:
    ear = Ear()
    child = Child(recipe(SPEAKER, tmp_path), ear)
    await child.start()
    listening = asyncio.create_task(child.run())
    await ear.until("awake")
    first = child.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await ear.until("awake")
    assert child.restarts == 1
    assert child.pid != first
    await child.stop()
    await listening
    assert (tmp_path / "speaker.log").read_text().count("awake") == 2


async def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vigie_hub.demo.children.STOP_SECONDS", 0.2)
    ear = Ear()
    child = Child(recipe(DEAF, tmp_path), ear)
    await child.start()
    listening = asyncio.create_task(child.run())
    await ear.until("awake")
    pid = child.pid
    assert pid is not None
    await child.stop()
    await listening
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_program_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    child = Child(Recipe("nats-server", ("/nowhere/nats-server",), {}, tmp_path / "log"), lambda _who, _line: None)
    with pytest.raises(CommandError, match=r"nats-server cannot be started: /nowhere/nats-server: No such file"):
        await child.start()
    await child.stop()


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        (b'{"level": "info", "event": "ready"}\n', None),
        (b'{"level": "warning", "event": "camera lost", "error": "refused"}\n', "camera lost: refused"),
        (b'{"level": "error", "event": "disk full"}\n', "disk full"),
        (b"[123] plain text of nats-server\n", None),
        (b'["a", "list"]\n', None),
    ],
)
def test_only_warnings_and_worse_are_spoken(line: bytes, spoken: str | None) -> None:
    assert spoken_line(line) == spoken
