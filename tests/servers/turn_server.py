"""A real TURN server (coturn) with a secret that the hub shares; skips where none is installed."""

import asyncio
import random
import shutil
import signal
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vigie_hub.bus.certificates import Certificates
from vigie_hub.settings import TlsSettings

SECRET = "north-gate"
PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to whoever asks for any."""
_PROBE = "import socket, time\nwhile socket.socket(socket.{family}).connect_ex(({host!r}, {port})): time.sleep(0.05)"


@dataclass(frozen=True)
class TurnServer:
    """Where it listens, by UDP and TCP and by TLS; whom to believe about the latter, PEM."""

    host: str
    port: int
    tls_port: int
    authority: str
    process: Process

    def url(self, transport: str) -> str:
        """By `udp`, `tcp` or `tls`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        if transport == "tls":
            return f"turns:{host}:{self.tls_port}?transport=tcp"
        return f"turn:{host}:{self.port}?transport={transport}"

    def stop(self) -> None:
        """It answers nothing from now on, until `go_on`."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """It answers again."""
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def turn_server(
    folder: Path,
    host: str = "127.0.0.1",
    relay_host: str | None = None,
    enter: Callable[..., list[str]] = lambda *command: list(command),
) -> AsyncIterator[TurnServer]:
    """It runs until the block ends; `enter` makes a command line run where the server is to be."""
    binary = shutil.which("turnserver") or pytest.skip("no TURN server here: apt-get install coturn")
    certificates = Certificates(folder, TlsSettings(), [host])
    await asyncio.to_thread(certificates.ensure, datetime.now(UTC))
    authority, port, tls_port = await asyncio.to_thread(certificates.authority_pem), _port(), _port()
    options = (
        *("-n", "--no-cli", "--no-dtls", "--allow-loopback-peers", "--use-auth-secret", "--log-file=stdout"),
        *(f"--static-auth-secret={SECRET}", "--realm=vigie"),
        *(f"--listening-ip={host}", f"--relay-ip={relay_host or host}"),
        *(f"--listening-port={port}", f"--tls-listening-port={tls_port}"),
        *(f"--cert={certificates.certificate}", f"--pkey={certificates.key}"),
        *(f"--pidfile={folder / 'turn.pid'}", f"--userdb={folder / 'turn.db'}"),
    )
    server = await asyncio.create_subprocess_exec(*enter(binary, *options), stdout=DEVNULL, stderr=DEVNULL)
    try:
        for awaited in (port, tls_port):
            await _listens(enter, host, awaited)
        yield TurnServer(host, port, tls_port, authority, server)
    finally:
        server.kill()
        await server.wait()


def _port() -> int:
    """Nobody has it, by TCP or UDP."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                tcp.bind(("127.0.0.1", port))
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


async def _listens(enter: Callable[..., list[str]], host: str, port: int) -> None:
    """Asked from where the server is."""
    probe = _PROBE.format(family="AF_INET6" if ":" in host else "AF_INET", host=host, port=port)
    asking = await asyncio.create_subprocess_exec(*enter(sys.executable, "-c", probe))
    try:
        async with asyncio.timeout(30):
            await asking.wait()
    finally:
        if asking.returncode is None:
            asking.kill()
            await asking.wait()
