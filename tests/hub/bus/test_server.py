import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest

from tests.hub.agents import Agent
from tests.servers.nats_server import settled
from vigie_hub.bus.configuration import NatsConfiguration
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.server import EmbeddedNatsServer, check_version
from vigie_hub.keys import HubKeys
from vigie_shared.errors import LinkError


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, keys: HubKeys, port: int, *agents: Agent) -> NatsConfiguration:
    known = {agent.agent_id: agent.key.public_key for agent in agents}
    return NatsConfiguration(f"nats://127.0.0.1:{port}", folder / "js", keys.nats.public_key, known)


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
    keys = await asyncio.to_thread(HubKeys, tmp_path)
    settings = configuration(tmp_path, keys, free_port())
    server = EmbeddedNatsServer(settings, tmp_path)
    async with running(server):
        connection = Connection(settings.url, keys.nats)
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
    keys = await asyncio.to_thread(HubKeys, tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = EmbeddedNatsServer(configuration(tmp_path, keys, port), tmp_path)
        with pytest.raises(LinkError, match=f"port {port} of 127.0.0.1 is taken") as caught:
            async with running(server):
                pass
        assert "\n" not in str(caught.value)


async def test_agent_that_is_enrolled_later_is_let_in(tmp_path: Path) -> None:
    keys = await asyncio.to_thread(HubKeys, tmp_path)
    agent, port = Agent("late"), free_port()
    server = EmbeddedNatsServer(configuration(tmp_path, keys, port), tmp_path)
    async with running(server):
        await server.reconfigure(configuration(tmp_path, keys, port, agent))
        async with asyncio.timeout(20):
            while True:
                try:
                    async with agent.connected(f"nats://127.0.0.1:{port}"):
                        break
                except nats.errors.Error:
                    await asyncio.sleep(0.01)


ORPHAN = """
import asyncio, pathlib, sys
from vigie_hub.bus.configuration import NatsConfiguration
from vigie_hub.bus.server import EmbeddedNatsServer

async def main():
    folder = pathlib.Path(sys.argv[1])
    server = EmbeddedNatsServer(NatsConfiguration(sys.argv[2], folder / "js", sys.argv[3]), folder)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(server.run())
        await server.ready()
        print(server.pid, flush=True)

asyncio.run(main())
"""


async def test_server_dies_with_a_hub_that_is_killed(tmp_path: Path) -> None:
    keys = await asyncio.to_thread(HubKeys, tmp_path)
    url = f"nats://127.0.0.1:{free_port()}"
    hub = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ORPHAN, tmp_path, url, keys.nats.public_key, stdout=asyncio.subprocess.PIPE
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
