"""One agent that floods the bus with valid credentials, and what others notice of it.

The soak runs a whole hub beside a rogue that does its worst, and prints how long others' hits took. Here, what is
asserted is who is cut and what stays, not time.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import quantiles
from typing import Final

import pytest
from nats.aio.msg import Msg
from nats.js.errors import APIError
from structlog.testing import capture_logs

from tests.hub.agents import Agent, batch, until
from tests.hub.flooding import hit
from tests.hub.site import Site, open_site
from tests.servers.nats_server import settled
from vigie_hub.app import Hub
from vigie_hub.sync.stream import SUBJECT_MESSAGES_MAX
from vigie_shared import subjects
from vigie_shared.batches import encode
from vigie_shared.clock import SystemClock
from vigie_shared.events import LANES
from vigie_shared.receipts import Envelope, Receipt

KINDS: Final = ("hits", "lanes", "large", "questions", "all")
SOAK_SECONDS: Final = 20
RESEND_SECONDS: Final = 2.0
GOAL_SECONDS: Final = 1.0


@asynccontextmanager
async def whole_hub(site: Site) -> AsyncIterator[Hub]:
    """All of a hub that has to do with agents, as `vigie hub run` puts it together."""
    await site.connection.close()
    hub = Hub(site.settings, site.keys, site.database, SystemClock())
    await hub.census.look()
    running = [asyncio.create_task(hub.follow_agents(None)), asyncio.create_task(hub.census.run())]
    try:
        await until(lambda: _has_stream(hub))
        yield hub
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _has_stream(hub: Hub) -> bool:
    if not hub.connection.client.is_connected:
        return False  # nats-py would take an inbox that the hub may not have
    try:
        await hub.connection.client.jetstream().consumer_info(subjects.STREAM, subjects.HITS_DURABLE)
    except Exception:  # not there yet
        return False
    return True


@asynccontextmanager
async def flooding(kind: str, site: Site, rogue: Agent) -> AsyncIterator[list[int]]:
    """The rogue, at work; the list holds how many messages it has sent."""
    command = [sys.executable, "-m", "tests.hub.flooding", kind, site.server.url, rogue.key.seed, rogue.token]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    sent = [0]

    async def follow() -> None:
        assert process.stdout is not None
        async for line in process.stdout:
            sent[0] = int(line)

    following = asyncio.create_task(follow())
    try:
        yield sent
    finally:
        process.kill()
        await process.wait()
        await following


class Honest:
    """An agent that sends a hit now and then, and again where it is not answered."""

    def __init__(self, agent: Agent) -> None:
        self.waits: list[float] = []
        self._agent = agent
        self._receipted = 0
        self._stirred = asyncio.Event()

    async def report(self, seconds: float) -> None:
        await self._agent.client.subscribe(subjects.watermark(self._agent.agent_id), cb=self._heard)
        ends, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            number += 1
            began = time.monotonic()
            await self._tell(encode(batch([hit()], number, agent_id=self._agent.agent_id, lane="hit")), number)
            self.waits.append(time.monotonic() - began)
            await asyncio.sleep(0.2)

    async def _tell(self, payload: bytes, number: int) -> None:
        while self._receipted < number:
            self._stirred.clear()
            await self._agent.client.publish(subjects.events(self._agent.agent_id, "hit"), payload)
            try:
                async with asyncio.timeout(RESEND_SECONDS):
                    while self._receipted < number:
                        await self._stirred.wait()
                        self._stirred.clear()
            except TimeoutError:
                print(f"{self._agent.agent_id} sends hit {number} again")

    async def _heard(self, message: Msg) -> None:
        receipt = Receipt.model_validate_json(Envelope.model_validate_json(message.data).body)
        self._receipted = receipt.watermarks.get("hit", 0)
        self._stirred.set()


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
async def test_hits_of_others_wait_at_most_a_second_beside_a_rogue(tmp_path: Path, kind: str) -> None:
    async with (
        open_site(tmp_path, "gate-1", "gate-2", "rogue", stream_bytes_max=1024**3) as site,
        whole_hub(site) as hub,
        site.agents[0].connected(site.server.url) as one,
        site.agents[1].connected(site.server.url) as other,
    ):
        reporters = [Honest(one), Honest(other)]
        with capture_logs() as logs:
            async with flooding(kind, site, site.agents[2]) as sent:
                await asyncio.gather(*(reporter.report(SOAK_SECONDS) for reporter in reporters))
        info = await hub.connection.client.jetstream().stream_info("EVT", subjects_filter="e.rogue.*")
    waits = [wait for reporter in reporters for wait in reporter.waits]
    p95 = quantiles(waits, n=100, method="inclusive")[94]
    suspended = [line for line in logs if line["event"] == "agent_suspended"]
    print(
        f"\n{kind}: {sent[0]} messages of the rogue, {len(waits)} hits of others: "
        f"median {sorted(waits)[len(waits) // 2]:.3f} s, p95 {p95:.3f} s, longest {max(waits):.3f} s; "
        f"stream {info.state.bytes / 1e6:.1f} MB; {[line['reason'] for line in suspended]}"
    )
    assert [line["agent_id"] for line in suspended] == ["rogue"]
    assert max((info.state.subjects or {}).values(), default=0) <= SUBJECT_MESSAGES_MAX
    assert max(waits) <= GOAL_SECONDS


async def test_a_rogue_pushes_out_its_own_oldest_messages_and_nobody_else_s(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "gate-1", "rogue") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.agents[1].connected(site.server.url) as rogue,
    ):
        async with site.consuming():
            pass  # the stream exists, and nobody reads it
        await settled(site.connection.client)  # now nats-server knows that nobody pulls
        for number in range(1, 4):
            await agent.send(batch([hit()], number, lane="hit"))
        lone = encode(batch([hit()], agent_id="rogue", lane="hit"))
        for _each in range(SUBJECT_MESSAGES_MAX + 500):
            await rogue.client.publish("e.rogue.hit", lone)
        await settled(rogue.client)
        await until(lambda: _counts(site, {"e.gate-1.hit": 3, "e.rogue.hit": SUBJECT_MESSAGES_MAX}))
        with capture_logs() as logs:
            async with site.consuming():
                await until(lambda: has(site, "gate-1", 3))
                await until(site.stream_is_drained)
        told = [line for line in logs if line["event"] == "agent_sends_too_much"]
        assert [(line["agent_id"], line["subject"]) for line in told] == [("rogue", "e.rogue.hit")]
        assert await site.count("watermarks WHERE agent_id = 'gate-1' AND lane = 'hit' AND seq = 3") == 1


async def test_a_rogue_s_large_messages_end_at_the_stream_s_limit_and_what_others_sent_stays(tmp_path: Path) -> None:
    limit = 8 * 1024**2
    async with (
        open_site(tmp_path, "gate-1", "rogue", stream_bytes_max=limit) as site,
        site.agents[0].connected(site.server.url) as agent,
        site.agents[1].connected(site.server.url) as rogue,
    ):
        async with site.consuming():
            pass
        await settled(site.connection.client)  # now nats-server knows that nobody pulls
        await agent.send(batch([hit()], 1, lane="hit"))
        for number in range(100):
            await rogue.client.publish(f"e.rogue.{LANES[number % len(LANES)]}", bytes(200_000))
        await settled(rogue.client)
        await until(lambda: _is_nearly_full(site, limit))
        assert (await counted(site))["e.gate-1.hit"] == 1
        with pytest.raises(APIError, match="maximum bytes"):
            await agent.client.jetstream().publish("e.gate-1.lpr", bytes(200_000))
        async with site.consuming():
            await until(lambda: has(site, "gate-1", 1))
            await until(site.stream_is_drained)
            await site.consumer.clear("rogue")
            await agent.send(batch([hit()], 2, lane="hit"))
            await until(lambda: has(site, "gate-1", 2))


async def _counts(site: Site, expected: dict[str, int]) -> bool:
    return await counted(site) == expected


async def _is_nearly_full(site: Site, limit: int) -> bool:
    """No other large message fits: nats-server stores in its own time."""
    info = await site.connection.client.jetstream().stream_info("EVT")
    assert info.state.bytes <= limit
    return info.state.bytes > limit - 201_000


async def counted(site: Site) -> dict[str, int]:
    """Messages in the stream, by subject."""
    info = await site.connection.client.jetstream().stream_info("EVT", subjects_filter=">")
    return info.state.subjects or {}


async def has(site: Site, agent_id: str, count: int) -> bool:
    return await site.count(f"plate_reads WHERE agent_id = '{agent_id}'") >= count
