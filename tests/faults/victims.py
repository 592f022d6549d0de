"""Processes that are killed and started again, and what is heard of them meanwhile."""

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, Self

ROOT: Final = Path(__file__).parents[2]
SETTLE_SECONDS: Final = 180


class Progress:
    """How far all agents are together: what is durable at them, plus what the hub has signed for."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: dict[tuple[str, str], int] = {}

    def hear(self, who: str, line: str) -> None:
        what, count = line.split()
        if what == "acked":  # not durable, so no progress
            return
        with self._changed:
            self._counts[who, what] = int(count)
            self._changed.notify_all()

    def reach(self, total: int) -> None:
        """Wait until it is `total`."""
        with self._changed:
            arrived = self._changed.wait_for(lambda: sum(self._counts.values()) >= total, SETTLE_SECONDS)
        assert arrived, f"stuck before {total}: {self._counts}"


class Victim:
    """A process that is started again whenever it was killed; `ear` hears what it says."""

    def __init__(self, command: list[str], log: Path, ear: Callable[[str], None]) -> None:
        self._command = command
        self._log = log
        self._tell = ear
        self._process: subprocess.Popen[str] | None = None
        self._ear: threading.Thread | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=subprocess.PIPE, stderr=log, cwd=ROOT, text=True)
        self._ear = threading.Thread(target=self._listen, args=(self._process,), name="what a victim says")
        self._ear.start()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._tell(line)

    def kill(self) -> None:
        """`kill -9`."""
        assert self._process is not None
        assert self._process.poll() is None, f"it ended by itself:\n{self._log.read_text()[-2000:]}"
        self._end(self._process)

    def _end(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        assert self._ear is not None
        process.kill()
        process.wait()
        self._ear.join()
        process.stdout.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process is not None
        self._end(self._process)
