import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.hub.site import hub_settings
from tests.servers.nats_server import settled
from tests.servers.ports import free_port
from vigie_hub.bus.configuration import NatsConfiguration, nats_configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.server import EmbeddedNatsServer, check_version, environment
from vigie_hub.identity import Identity
from vigie_shared.errors import LinkError


def on_port(folder: Path, port: int, scheme: str = "nats") -> tuple[Identity, NatsConfiguration]:
    settings = hub_settings(folder, f"{scheme}://127.0.0.1:{port}")
    identity = Identity.of(settings)
    return identity, nats_configuration(settings, identity.trust, {}, identity.certificates)


@asynccontextmanager
async def running(server: EmbeddedNatsServer) -> AsyncIterator[None]:
    """Ends with the error of the server, where it has one."""
    task = asyncio.create_task(server.run())
    ready = asyncio.create_task(server.ready())
    try:
        async with asyncio.timeout(20):
            await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield
    finally:
        for one in (task, ready):
            one.cancel()
        await asyncio.gather(task, ready, return_exceptions=True)


async def test_server_that_is_killed_comes_back_on_its_port(tmp_path: Path) -> None:
    identity, configuration = await asyncio.to_thread(on_port, tmp_path, free_port())
    server = EmbeddedNatsServer(configuration, tmp_path)
    async with running(server):
        connection = Connection(configuration.url, identity.trust.hub_login())
        await connection.connect()
        first = server.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(20):
            while connection.client.stats["reconnects"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert server.pid not in (None, first)
        await settled(connection.client)
        await connection.close()
    assert server.pid is None


async def test_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        _identity, configuration = await asyncio.to_thread(on_port, tmp_path, port)
        server = EmbeddedNatsServer(configuration, tmp_path)
        with pytest.raises(LinkError, match=f"port {port} of 127.0.0.1 is taken") as caught:
            async with running(server):
                pass
        assert "\n" not in str(caught.value)


async def test_renewed_certificate_is_shown_to_whoever_comes_next(tmp_path: Path) -> None:
    identity, configuration = await asyncio.to_thread(on_port, tmp_path, free_port(), "tls")
    certificates, now = identity.certificates, datetime.now(UTC)
    await asyncio.to_thread(certificates._make_certificate, now - timedelta(days=61))
    server = EmbeddedNatsServer(configuration, tmp_path)
    async with running(server):
        context = await asyncio.to_thread(certificates.client_context)
        staying = Connection(configuration.url, identity.trust.hub_login(), context)
        await staying.connect()
        before = await asyncio.to_thread(shown_certificate, configuration.port, context)
        assert await asyncio.to_thread(certificates.ensure, now)
        server.reload()
        async with asyncio.timeout(20):
            while await asyncio.to_thread(shown_certificate, configuration.port, context) == before:
                pass
        assert staying.client.is_connected
        assert staying.client.stats["reconnects"] == 0
        await staying.close()


def shown_certificate(port: int, context: ssl.SSLContext) -> bytes | None:
    """What the server shows in its handshake, verified."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
    ):
        return secure.getpeercert(binary_form=True)


ORPHAN = """
import asyncio, pathlib, sys
from vigie_hub.bus.configuration import nats_configuration
from vigie_hub.bus.server import EmbeddedNatsServer
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings

async def main():
    folder = pathlib.Path(sys.argv[1])
    settings = HubSettings(data_dir=folder, nats={"url": sys.argv[2]})
    identity = Identity.of(settings)
    server = EmbeddedNatsServer(nats_configuration(settings, identity.trust, {}, identity.certificates), folder)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        await server.ready()
        print(server.pid, flush=True)

asyncio.run(main())
"""


async def test_server_dies_with_a_hub_that_is_killed(tmp_path: Path) -> None:
    url = f"nats://127.0.0.1:{free_port()}"
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, tmp_path, url, stdout=asyncio.subprocess.PIPE
    )
    assert hub.stdout is not None
    async with asyncio.timeout(30):
        pid = int(await hub.stdout.readline())
        hub.kill()
        await hub.wait()
        while _runs(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    hub._transport.close()  # type: ignore[attr-defined]


def _runs(pid: int) -> bool:
    """Whether a process runs; a zombie that nobody reaps does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.mark.parametrize("said", ["nats-server: v2.9.10", "nats-server: v2.12.2", "something else"])
def test_server_that_is_too_old_is_refused(said: str) -> None:
    with pytest.raises(LinkError, match=r"2\.12\.3 or newer"):
        check_version(Path("nats-server"), said)


@pytest.mark.parametrize("said", ["nats-server: v2.12.3", "nats-server: v2.15.1", "nats-server: v3.0.0"])
def test_server_that_is_new_enough_is_taken(said: str) -> None:
    check_version(Path("nats-server"), said)


@pytest.mark.parametrize(("processors", "given"), [(1, "1"), (2, "1"), (3, None), (64, None)])
def test_server_leaves_the_second_of_two_processors_to_the_hub(
    monkeypatch: pytest.MonkeyPatch, processors: int, given: str | None
) -> None:
    monkeypatch.delenv("GOMAXPROCS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(processors)))
    assert environment().get("GOMAXPROCS") == given


@pytest.mark.parametrize(("name", "usual"), [("GOGC", "35"), ("GOMAXPROCS", "1")])
def test_an_operators_own_environment_wins(monkeypatch: pytest.MonkeyPatch, name: str, usual: str) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    monkeypatch.delenv(name, raising=False)
    assert environment()[name] == usual
    monkeypatch.setenv(name, "100")
    assert environment()[name] == "100"


async def test_server_is_started_with_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOGC", raising=False)
    _identity, configuration = await asyncio.to_thread(on_port, tmp_path, free_port())
    server = EmbeddedNatsServer(configuration, tmp_path)
    async with running(server):
        given = await asyncio.to_thread(Path(f"/proc/{server.pid}/environ").read_bytes)
    assert b"GOGC=35" in given.split(b"\0")
