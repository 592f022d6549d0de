"""The agent as a process: it says when it is ready, and an end in order loses nothing."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.agent.store.samples import open_store
from tests.agent.uplink.hub import membership
from tests.media.films import make_film, walk
from vigie_agent import credentials
from vigie_agent.cli import read_status
from vigie_agent.store.check import broken


def write_settings(folder: Path, extra: str = "") -> Path:
    path = folder / "agent.toml"
    path.write_text(
        f'agent_id = "edge"\ndata_dir = {json.dumps(str(folder / "data"))}\n[discovery]\nenabled = false\n{extra}'
    )
    return path


@contextlib.contextmanager
def running_agent(settings: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "vigie_agent", "run", "--settings", str(settings)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def lines_that_say(process: subprocess.Popen[str], *texts: str) -> list[dict[str, Any]]:
    """The first log line with each of `texts`, in whatever order they come; fails where the process ends first."""
    assert process.stderr is not None
    found: dict[str, dict[str, Any]] = {}
    seen = []
    for line in process.stderr:
        seen.append(line)
        found.update({text: json.loads(line) for text in texts if text in line and text not in found})
        if len(found) == len(texts):
            return [found[text] for text in texts]
    raise AssertionError(f"never said all of {texts}: {''.join(seen)}")


def test_an_agent_without_a_hub_is_ready_and_ends_in_order(tmp_path: Path) -> None:
    with running_agent(write_settings(tmp_path)) as process:
        (ready,) = lines_that_say(process, '"ready"')
        assert ready["agent_id"] == "edge"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    assert read_status(tmp_path / "data")["agent_id"] == "edge"


def test_a_hub_that_is_down_is_one_line_and_watching_goes_on(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    credentials.save(tmp_path / "data", membership("nats://127.0.0.1:1"))
    film = make_film(tmp_path / "film.mp4", walk(0.5, 60), seconds=4)
    camera = f'[[cameras]]\ncamera_id = "c"\nsource = {json.dumps(str(film))}\nloop = true\n'
    missing = '[[cameras]]\ncamera_id = "d"\nsource = "/nowhere/film.mp4"\n'
    plates = "[plates]\nenabled = false\n"
    with running_agent(write_settings(tmp_path, plates + camera + missing)) as process:
        down, _missing, _ready = lines_that_say(process, "cannot reach nats-server", "/nowhere/film.mp4", '"ready"')
        assert "127.0.0.1:1" in down["url"]
        while read_status(tmp_path / "data")["motion_events"] == 0:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
        assert process.stderr is not None
        assert "cannot reach nats-server" not in process.stderr.read()
    status = read_status(tmp_path / "data")
    assert status["clips"] == status["motion_events"] >= 1, "the open clip was not finished"
    store = open_store(tmp_path / "data")
    assert store._reader.ask(broken) == []
    kinds = [row.event.kind for row in store.outbox_after("mot", 0, 100)]
    assert kinds == ["motion_started", "motion_ended"] * status["motion_events"]
    store.close()


def test_a_second_agent_on_the_same_store_is_one_line(tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    store = open_store(tmp_path / "data")
    with running_agent(settings) as process:
        _out, said = process.communicate()
        assert process.returncode == 1
    store.close()
    assert said.startswith("vigie agent: the store in ")
    assert said.count("\n") == 1
