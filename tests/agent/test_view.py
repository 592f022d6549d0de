import asyncio
import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from tests.agent.test_app import write_settings
from tests.media.films import make_film, walk
from vigie_agent.capture.consumer import SourceStatistics
from vigie_agent.view import Rows, show, table
from vigie_shared.clock import SystemClock
from vigie_shared.heartbeats import CameraHealth


class Camera:
    """A camera that says what it is told to."""

    def __init__(self, camera_id: str, state: str, *, moving: bool = False) -> None:
        self._health = CameraHealth.model_validate(
            {
                "camera_id": camera_id,
                "name": f"[bold]{camera_id}",
                "state": state,
                "frames_per_second": 25,
                "kbps": 4000,
                "moving": moving,
            }
        )
        self.statistics = SourceStatistics()

    def health(self) -> CameraHealth:
        return self._health

    def reception(self) -> SourceStatistics:
        return self.statistics


def printed(cameras: list[Camera], rows: Rows, now_seconds: float) -> list[str]:
    console = Console(file=io.StringIO(), width=120)
    console.print(table(rows.look(cameras, now_seconds)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_each_camera_has_a_row_with_what_it_costs_since_the_last_look() -> None:
    cameras, rows = [Camera("gate", "streaming", moving=True), Camera("yard", "lost")], Rows(lambda: {"gate": 2})
    printed(cameras, rows, 100.0)
    cameras[0].statistics = SourceStatistics(cpu_seconds=0.025, lost_packets=2, dropped_packets=1)
    lines = printed(cameras, rows, 102.0)
    (gate,) = [line for line in lines if "gate" in line]
    assert [cell.strip() for cell in gate.strip("│").split("│")] == [
        "[bold]gate",
        "streaming",
        "25.0",
        "4000",
        "moving",
        "12.5",
        "3",
        "2",
    ]
    assert any("yard" in line and "lost" in line for line in lines)
    assert "1 of 2 cameras, 12 CPU-ms a second" in lines[-1]


async def test_it_shows_at_once_and_until_cancelled() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    showing = asyncio.create_task(show([Camera("gate", "streaming")], SystemClock(), console))
    await asyncio.sleep(0)
    assert "gate" in screen.getvalue()
    showing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await showing
    assert screen.getvalue().endswith("\x1b[?25h"), "the cursor is given back"


def test_an_agent_on_a_terminal_shows_its_cameras_and_its_log_above_them(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0.5, 60), seconds=4)
    extra = f'[plates]\nenabled = false\n[[cameras]]\ncamera_id = "gate"\nsource = "{film}"\nloop = true\n'
    command = [sys.executable, "-m", "vigie_agent", "run", "--settings", str(write_settings(tmp_path, extra))]
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    ) as process:
        os.close(theirs)
        seen = ""
        while not ("ready" in seen and "gate" in seen and "streaming" in seen):
            seen += os.read(ours, 65_536).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        try:
            while os.read(ours, 65_536):
                pass
        except OSError:
            pass  # The terminal is gone with its process.
        os.close(ours)
        assert process.wait() == 0
