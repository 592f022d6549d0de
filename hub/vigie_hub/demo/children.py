"""The demo's processes: started, listened to, started again when they die, and all gone at the end."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vigie_hub.bus.server import die_with_parent
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

STOP_SECONDS: Final = 15.0
RESTART_SECONDS: Final = 0.5
SPEAKING_LEVELS: Final = frozenset({"warning", "error", "critical"})

Say = Callable[[str, str], None]
"""Takes who speaks and one line."""


@dataclass(frozen=True)
class Recipe:
    """How to start one process; its own group, so that Ctrl-C reaches the demo alone."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path


class Child:
    """One process that is kept running until it is told to stop."""

    def __init__(self, recipe: Recipe, say: Say) -> None:
        self._recipe = recipe
        self._say = say
        self._stopping = False
        self._log = recipe.log.open("ab", buffering=0)
        self._process: asyncio.subprocess.Process | None = None
        self.restarts = 0

    @property
    def name(self) -> str:
        """What it is called."""
        return self._recipe.name

    @property
    def pid(self) -> int | None:
        """The process's number, None before it starts."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process; raises CommandError where its program is not there."""
        recipe = self._recipe
        try:
            self._process = await asyncio.create_subprocess_exec(
                *recipe.command,
                env={**os.environ, **recipe.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with_parent,
                limit=1 << 20,
            )
        except OSError as error:
            raise CommandError(
                _("{name} cannot be started: {program}: {reason}").format(
                    name=recipe.name, program=recipe.command[0], reason=error.strerror
                )
            ) from error

    async def run(self) -> None:
        """Listen to the process and start it again whenever it ends, until `stop`."""
        while True:
            assert self._process is not None
            await self._listen(self._process)
            status = await self._process.wait()
            if self._stopping:
                return
            self.restarts += 1
            self._say(self._recipe.name, _("ended (status {status}); starting it again").format(status=status))
            await asyncio.sleep(RESTART_SECONDS)
            await self.start()

    async def stop(self) -> None:
        """Ask the process to end, and insist after `STOP_SECONDS`."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            await self._end(process)
        self._log.close()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            self._log.write(line)
            if spoken := spoken_line(line):
                self._say(self._recipe.name, spoken)


def spoken_line(line: bytes) -> str | None:
    """What a log line has to tell an operator: warnings and worse of JSON logs, else nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or entry.get("level") not in SPEAKING_LEVELS:
        return None
    detail = next((str(entry[key]) for key in ("error", "reason", "detail") if entry.get(key)), "")
    return f"{entry.get('event', '')}: {detail}" if detail else str(entry.get("event", ""))
