import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import nats.errors
import pytest

from tests.hub.agents import EPOCH, Agent, batch, motion, plate_read, until
from tests.hub.site import access, hub_settings
from tests.servers.nats_server import NatsServer
from tests.servers.ports import free_port
from vigie_hub.app import run
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.identity import Identity
from vigie_hub.settings import HubSettings
from vigie_shared import subjects
from vigie_shared.batches import Batch, encode
from vigie_shared.clock import SystemClock
from vigie_shared.errors import LinkError
from vigie_shared.receipts import Envelope, Receipt, WatermarkQuestion

STARTING_SECONDS = 60


class HubProcess:
    """`vigie hub run`, a process of its own."""

    def __init__(self, settings: Path, *options: str) -> None:
        self._arguments = ("-m", "vigie_shared", "hub", "run", "--settings", str(settings), *options)
        self.process: asyncio.subprocess.Process
        self.url = ""

    async def start(self) -> None:
        """Returns when it says that it is ready."""
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, *self._arguments, stdout=pipe, stderr=asyncio.subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        async with asyncio.timeout(STARTING_SECONDS):
            line = (await self.process.stdout.readline()).decode()
        assert "http://" in line
        self.url = line.split()[-1]

    async def end(self, *, kill: bool) -> int:
        if self.process.returncode is None:
            (self.process.kill if kill else self.process.terminate)()
        status = await self.process.wait()
        self.process._transport.close()  # type: ignore[attr-defined]
        return status


@asynccontextmanager
async def started(hub: HubProcess) -> AsyncIterator[HubProcess]:
    try:
        await hub.start()
        yield hub
    finally:
        await hub.end(kill=True)


def settings_file(folder: Path, nats_url: str, **api: object) -> Path:
    path = folder / "hub.toml"
    path.write_text(
        f"data_dir = {json.dumps(str(folder / 'hub'))}\n[nats]\nurl = {json.dumps(nats_url)}\n"
        f"[api]\nport = {api.get('port', 0)}\n[fleet]\ndiscover = false\n",
        encoding="utf-8",
    )
    return path


def provision(folder: Path, agent: Agent) -> Identity:
    with Database(folder / "hub" / "hub.db") as database:
        database.write_now(
            lambda connection: enrol(connection, agent.agent_id, agent.key.public_key, SystemClock().now(), "test")
        )
    identity = Identity.of(hub_settings(folder))
    agent.trusted_by(identity.trust)
    return identity


async def receipted(agent: Agent) -> dict[str, int]:
    """What the hub says is durable; nothing while it does not answer."""
    question = WatermarkQuestion(epoch=EPOCH, oldest={"lpr": 1, "mot": 1}).model_dump_json().encode()
    try:
        message = await agent.client.request(subjects.watermark_question(agent.agent_id), question, timeout=1)
    except nats.errors.Error:
        return {}
    receipt = Receipt.model_validate_json(Envelope.model_validate_json(message.data).body)
    return {str(lane): seq for lane, seq in receipt.watermarks.items()}


async def send_all(agent: Agent, batches: list[Batch], sent: asyncio.Event, after: int) -> None:
    for number, one in enumerate(batches):
        await agent.client.jetstream().publish(subjects.events(agent.agent_id, one.lane), encode(one), timeout=20)
        if number == after:
            sent.set()


@pytest.mark.timeout(240)
async def test_hub_that_is_killed_in_the_middle_of_the_stream_loses_and_doubles_nothing(tmp_path: Path) -> None:
    agent = Agent("gate-1")
    identity = await asyncio.to_thread(provision, tmp_path, agent)
    server = NatsServer(tmp_path / "nats", await asyncio.to_thread(access, hub_settings(tmp_path), identity))
    await asyncio.to_thread(server.start)
    reads = [batch([plate_read() for _read in range(8)], start) for start in range(1, 1600, 8)]
    motions = [batch([motion() for _one in range(4)], start, lane="mot") for start in range(1, 400, 4)]
    batches = [one for pair in zip(reads, motions + reads[100:], strict=False) for one in pair]
    hub = HubProcess(settings_file(tmp_path, server.url))
    try:
        async with started(hub), agent.connected(server.url):
            await until(lambda: _streaming(agent), STARTING_SECONDS)
            sent = asyncio.Event()
            sending = asyncio.create_task(send_all(agent, batches, sent, after=len(batches) // 3))
            await sent.wait()
            await hub.end(kill=True)
            await sending
            await hub.start()
            await until(lambda: _is_receipted(agent, {"lpr": 1600, "mot": 400}), STARTING_SECONDS)
            assert await hub.end(kill=False) == 0
    finally:
        await asyncio.to_thread(server.stop)
    async with Database(tmp_path / "hub" / "hub.db") as database:
        counted = await database.read(
            lambda connection: connection.execute(
                "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM plate_reads),"
                " (SELECT count(*) FROM missing_ranges), (SELECT count(DISTINCT event_id) FROM plate_reads)"
            ).fetchone()
        )
    assert tuple(counted) == (2000, 1600, 0, 1600)


async def _streaming(agent: Agent) -> bool:
    """Whether the stream exists: the first batch is taken."""
    try:
        await agent.send(batch([plate_read()]))
    except nats.errors.Error:
        return False
    return True


async def _is_receipted(agent: Agent, wanted: dict[str, int]) -> bool:
    return await receipted(agent) == wanted


@pytest.mark.timeout(240)
async def test_hub_with_its_own_nats_server_answers_and_ends_in_order(tmp_path: Path) -> None:
    port = free_port()
    hub = HubProcess(settings_file(tmp_path, f"nats://127.0.0.1:{port}"), "--embedded-nats")
    async with started(hub), httpx.AsyncClient() as client:
        assert (await client.get(f"{hub.url}/healthz")).json() == {"status": "ok"}
        agent = Agent("late")
        await asyncio.to_thread(provision, tmp_path, agent)  # beside the running hub
        async with asyncio.timeout(STARTING_SECONDS):
            while True:
                try:
                    async with agent.connected(f"nats://127.0.0.1:{port}"):
                        await until(lambda: _streaming(agent), STARTING_SECONDS)
                    break
                except nats.errors.Error:
                    await asyncio.sleep(0.05)
        assert await hub.end(kill=False) == 0


async def test_taken_port_of_the_page_is_one_clear_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = settings_file(tmp_path, "nats://127.0.0.1:1", port=port)
        settings = await asyncio.to_thread(HubSettings.load, path)
        with pytest.raises(LinkError, match=f"port {port}") as caught:
            await run(settings, embedded_nats=False, on_ready=lambda url: None)
    assert "\n" not in str(caught.value)
