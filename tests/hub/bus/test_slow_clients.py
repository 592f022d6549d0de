"""Clients that stop reading, or stop altogether, against a real nats-server with the hub's configuration."""

import asyncio
import base64
import contextlib
import json
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from tests.hub.agents import Agent, batch, plate_read, until
from tests.hub.overseen import overseen
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_agent.uplink.settings import HeartbeatSettings
from vigie_hub.bus import configuration
from vigie_hub.bus.connection import Connection
from vigie_hub.fleet.registry import Registry
from vigie_hub.sync.consumer import FETCH_MESSAGES
from vigie_hub.sync.pulling import REQUEST_BYTES_MAX
from vigie_hub.sync.stream import MESSAGE_BYTES_MAX
from vigie_shared import subjects

CLOSED: Final = 1
"""To nats-server's monitoring."""
SCALE: Final = 10
"""The soak runs ten times as fast as life."""


@contextlib.asynccontextmanager
async def deaf(agent: Agent, port: int, subject: str) -> AsyncIterator[socket.socket]:
    """A plain TCP client that logs in as `agent`, subscribes, and then never reads again."""
    loop = asyncio.get_running_loop()
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.setblocking(False)
        await loop.sock_connect(link, ("127.0.0.1", port))
        info = json.loads((await loop.sock_recv(link, 65536)).removeprefix(b"INFO "))
        signature = base64.urlsafe_b64encode(base64.b64decode(agent.answer(info["nonce"]))).decode()
        login = {"jwt": agent.token, "sig": signature.rstrip("="), "verbose": False, "protocol": 1, "lang": "deaf"}
        await loop.sock_sendall(link, f"CONNECT {json.dumps(login)}\r\nSUB {subject} 1\r\nPING\r\n".encode())
        heard = b""
        while b"PONG" not in heard:
            heard += await loop.sock_recv(link, 65536)
        yield link


async def endings(site: Site) -> dict[str, str]:
    """Why connections of the account ended, by their key."""
    question = {"auth": True, "acc": site.keys.trust.account, "state": CLOSED}
    connection = Connection(site.server.url, site.keys.trust.system_login())
    await connection.connect()
    try:
        answer = await connection.client.request("$SYS.REQ.SERVER.PING.CONNZ", json.dumps(question).encode(), timeout=5)
        return {one["authorized_user"]: one["reason"] for one in json.loads(answer.data)["data"]["connections"] or []}
    finally:
        await connection.close()


async def test_client_that_does_not_read_is_cut_and_others_go_on(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "slow", "gate-1") as site,
        site.agents[1].connected(site.server.url) as agent,
        site.consuming(),
        deaf(site.agents[0], site.server.port, "c.slow.>"),
    ):
        hub = site.connection.client
        receipts = await agent.client.subscribe(subjects.watermark("gate-1"))
        await settled(agent.client)
        piece, said = bytes(256 * 1024), 0
        key = site.agents[0].key.public_key
        while key not in await endings(site):
            assert said < 2 * configuration.PENDING_BYTES_MAX
            for _each in range(32):
                await hub.publish("c.slow.cmd", piece)
                said += len(piece)
            await settled(hub)
        assert "Slow Consumer" in (await endings(site))[key]
        await agent.send(batch([plate_read()]))
        await receipts.next_msg(10)
        assert agent.client.is_connected
        assert agent.errors == []
        assert hub.stats["reconnects"] == 0


async def test_limits_of_a_slow_client_leave_room_for_what_the_hub_fetches(tmp_path: Path) -> None:
    assert MESSAGE_BYTES_MAX < REQUEST_BYTES_MAX < configuration.PENDING_BYTES_MAX / 4
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        async with site.consuming():
            pass
        large = bytes(MESSAGE_BYTES_MAX - 1024)
        for _each in range(FETCH_MESSAGES):
            await agent.client.publish("e.gate-1.lpr", large)
        await settled(agent.client)
        async with site.consuming():
            await until(site.stream_is_drained)
        assert site.connection.client.stats["reconnects"] == 0


def test_heartbeats_keep_the_server_from_asking_and_a_dead_box_is_missed_soon() -> None:
    assert HeartbeatSettings().interval_seconds < configuration.PING_SECONDS
    assert configuration.PING_SECONDS * (1 + configuration.PINGS_MAX) <= 150


@pytest.mark.soak
async def test_silence_is_noticed_and_a_beating_agent_is_never_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ping_seconds = configuration.PING_SECONDS / SCALE
    beat_seconds = HeartbeatSettings().interval_seconds / SCALE
    monkeypatch.setattr(configuration, "PING_SECONDS", ping_seconds)
    async with open_site(tmp_path, "gate-1") as site, overseen(site) as seen:
        agent = site.agents[0]
        command = [sys.executable, "-m", "tests.hub.bus.silent", "gate-1", site.server.url, agent.key.seed, agent.token]
        process = await asyncio.create_subprocess_exec(*command, str(beat_seconds), stdout=asyncio.subprocess.PIPE)
        assert process.stdout is not None
        try:
            asked_of = [int(await process.stdout.readline()) for _beat in range(12)]
            assert seen.registry.is_online("gate-1")
            process.send_signal(signal.SIGSTOP)
            began = time.monotonic()
            await until(lambda: _is_lost(seen.registry), 60)
            silent = time.monotonic() - began
        finally:
            process.kill()
            await process.wait()
    print(
        f"\nasked {asked_of[-1]} times in {len(asked_of)} beats; silence noticed after {silent * SCALE:.0f} s of life"
    )
    assert asked_of[-1] <= 1
    assert silent <= ping_seconds * (1 + configuration.PINGS_MAX) + 2


async def _is_lost(registry: Registry) -> bool:
    return not registry.is_online("gate-1")
