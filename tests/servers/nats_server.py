"""A real nats-server on a port of its own, to be killed and restarted at will."""

import json
import re
import shutil
import signal
import subprocess
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from nats.aio.client import Client

HOST = "127.0.0.1"


def nats_server_binary() -> str:
    """The one that is installed beside Python, else the one on the path."""
    path = f"{sysconfig.get_path('scripts')}:/usr/sbin:/usr/bin"
    return shutil.which("nats-server", path=path) or pytest.skip("no nats-server here: uv sync installs it")


class NatsServer:
    """JetStream in `folder`; `configuration` is added to the file as it is.

    The port is chosen at the first start and kept.
    """

    def __init__(self, folder: Path, configuration: str = "") -> None:
        self.folder = folder
        self.store_dir = folder / "jetstream"
        self.configuration = configuration
        self.port = 0
        self.process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens, once started."""
        return f"nats://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns when it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "nats.conf"
        file.write_text(self._file_text(), encoding="utf-8")
        self.process = subprocess.Popen([nats_server_binary(), "-c", str(file)], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        log = []
        for line in self.process.stderr:
            log.append(line)
            if match := re.search(r"Listening for client connections on \S+:(\d+)", line):
                self.port = int(match[1])
            if "Server is ready" in line:
                break
        else:
            self.stop()
            raise RuntimeError(f"nats-server did not start: {''.join(log)}")
        self._drain = threading.Thread(target=self.process.stderr.read, name="nats-server log")
        self._drain.start()

    def configure(self, configuration: str) -> None:
        """Take a new configuration while running."""
        self.configuration = configuration
        (self.folder / "nats.conf").write_text(self._file_text(), encoding="utf-8")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Start again on the same port, with what the disk holds."""
        self._end(signal.SIGKILL)
        self.start()

    def wipe(self) -> None:
        """Lose every stream; only while it does not run."""
        shutil.rmtree(self.store_dir)

    def _file_text(self) -> str:
        return (
            f"listen: {json.dumps(f'{HOST}:{self.port or -1}')}\n"
            f"jetstream: {{ store_dir: {json.dumps(str(self.store_dir))} }}\n{self.configuration}\n"
        )

    def _end(self, signal_number: int) -> None:
        if self.process is None:
            return
        self.process.send_signal(signal_number)
        self.process.wait()
        if self._drain is not None:
            self._drain.join()
            self._drain = None
        if self.process.stderr is not None:
            self.process.stderr.close()
        self.process = None


@contextmanager
def running_nats_server(folder: Path) -> Iterator[NatsServer]:
    """A server that keeps its files in `folder`."""
    with NatsServer(folder) as server:
        yield server


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A server for one test."""
    with running_nats_server(tmp_path / "nats") as server:
        yield server


async def settled(client: Client) -> None:
    """Wait until the server has everything that `client` said before.

    nats-py 2.16 writes the PING of `flush` ahead of commands that wait for its flusher, such as a fresh SUB: only the
    second one follows them for certain.
    """
    await client.flush()
    await client.flush()
