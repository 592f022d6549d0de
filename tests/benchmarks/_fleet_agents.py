"""Many agents in one process: each with a TLS connection, a key and a token of its own, and the real protocol.

Of an agent this is the link alone: its own code connects, comes back, counts cursors, packs batches and heartbeats.
What is shared: one process, one ticker, and a pool of plate reads that get new ids and times. What is left out: cameras
and disks. One receipt in `CHECKED` has its signature checked, since all agents' processors are these two.

`python -m tests.benchmarks._fleet_agents MEMBERSHIPS.jsonl`: orders on standard input, a line each, answers on standard
output, JSON.
"""

import asyncio
import json
import logging
import resource
import sys
import time
from collections import deque
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.benchmarks._traffic import plate_reads
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey, HubKey
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.heartbeat import HeartbeatPlan
from vigie_agent.uplink.outbox import Outbox
from vigie_shared import subjects
from vigie_shared.batches import SCHEMA, Batch, encode
from vigie_shared.enrolment import Membership
from vigie_shared.events import PlateRead
from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.ids import unique_id
from vigie_shared.receipts import Envelope, Receipt, WatermarkQuestion, unseal

POOL: Final = plate_reads(4_096)
WINDOW_SECONDS: Final = 2.0
"""How long an agent gathers events, as the real one does."""
TICK_SECONDS: Final = 0.02
ACK_SECONDS: Final = 10.0
CHECKED: Final = 16
CONNECTING_AT_ONCE: Final = 64
RETURN_SECONDS_MAX: Final = 30.0
CAMERAS: Final = tuple(
    CameraHealth(
        camera_id=f"c{number}",
        name=f"Camera {number}",
        state="streaming",
        frames_per_second=25,
        kbps=2000,
        moving=False,
    )
    for number in range(20)
)


class SimulatedAgent:
    """One agent's link."""

    def __init__(self, number: int, membership: Membership, key: AgentKey) -> None:
        self.number = number
        self.agent_id = membership.agent_id
        self.epoch = unique_id(datetime.now(UTC))
        self.outbox = Outbox()
        self.outbox.schema = SCHEMA
        self.connection = Connection(Credentials(Path(), key, membership), reconnect_seconds_max=RETURN_SECONDS_MAX)
        self.client: Client
        self.receipted = 0
        self.back_at: float | None = None
        self._hub = HubKey(membership.hub_key)
        self._plan = HeartbeatPlan()
        self._sent: deque[tuple[int, float]] = deque()
        self._overdue: dict[int, float] = {}
        self.delays: list[float] = []
        self.clips = 0

    async def connect(self, stack: AsyncExitStack) -> None:
        """Log in, and listen where an agent listens."""
        self.client = await stack.enter_async_context(self.connection.open())
        self.connection.on_lost = self._lost
        self.connection.on_back = self._back
        await self.client.subscribe(subjects.watermark(self.agent_id), cb=self._on_receipt)
        await self.client.subscribe(subjects.command(self.agent_id), cb=_ignore)
        await self.client.subscribe(subjects.all_signaling(self.agent_id), cb=_ignore)
        await self.client.subscribe("c.all.>", cb=_ignore)
        await self.client.subscribe(f"{subjects.inbox_prefix(self.agent_id)}.p.*", cb=self._on_ack)

    async def grow(self, count: int, at: datetime, now: float) -> None:
        """`count` events have happened; they leave at once, being a window's worth."""
        newest = self.outbox.newest("lpr") + count
        self.outbox.grow({"lpr": newest})
        self._sent.append((newest, now))
        await self.push(at, now)

    async def push(self, at: datetime, now: float) -> None:
        """Send what is due, and again what nobody confirmed."""
        for number in [number for number, deadline in self._overdue.items() if deadline < now]:
            del self._overdue[number]
            self.outbox.crash(number)
        while self.client.is_connected and (wanted := self.outbox.next_lane()):
            lane, after = wanted
            last = min(after + 64, self.outbox.newest(lane))
            events = tuple(self._event(seq, at) for seq in range(after + 1, last + 1))
            batch = Batch.model_construct(
                schema_version=self.outbox.schema,
                agent_id=self.agent_id,
                epoch=self.epoch,
                lane=lane,
                first_seq=after + 1,
                events=events,
            )
            flight = self.outbox.send(lane, last)
            self._overdue[flight.number] = now + ACK_SECONDS
            reply = f"{subjects.inbox_prefix(self.agent_id)}.p.{flight.number}"
            try:
                await self.client.publish(subjects.events(self.agent_id, lane), encode(batch), reply=reply)
            except (nats.errors.Error, OSError):
                self._lost()

    def _event(self, seq: int, at: datetime) -> PlateRead:
        """Event `seq`: the same read id whenever it is asked for, as a store gives."""
        read = POOL[(self.number * 7919 + seq) % len(POOL)]
        read_id = f"{self.epoch[:12]}{self.number:05x}{seq:05x}"
        return read.model_copy(update={"at": at, "first_seen_at": at, "last_seen_at": at, "read_id": read_id})

    async def beat(self, interval_seconds: float, *, news: bool) -> None:
        """A heartbeat, if one is due. With `news` another clip is kept each time."""
        self.clips += news
        heartbeat = Heartbeat(
            agent_id=self.agent_id,
            epoch=self.epoch,
            version="0.1.0",
            at=datetime.now(UTC),
            interval_seconds=interval_seconds,
            cameras=CAMERAS,
            newest={"lpr": self.outbox.newest("lpr")},
            clips_kept=self.clips,
            clips_bytes=self.clips * 9_000_000,
        )
        payload = self._plan.feed(heartbeat)
        if payload is not None and self.client.is_connected:
            await self.client.publish(subjects.heartbeat(self.agent_id), payload)

    async def _on_ack(self, message: Msg) -> None:
        number = int(message.subject.rpartition(".")[2])
        self._overdue.pop(number, None)
        if b'"error"' in message.data or message.headers:
            self.outbox.crash(number)
        else:
            self.outbox.land(number)

    async def _on_receipt(self, message: Msg) -> None:
        checked = self.receipted % CHECKED == 0
        receipt = unseal(message.data, self._hub) if checked else _unchecked(message.data)
        if receipt.epoch != self.epoch:
            return
        self.receipted = max(self.receipted, receipt.watermarks.get("lpr", 0))
        self.outbox.receipt(receipt.watermarks)
        now = time.monotonic()
        while self._sent and self._sent[0][0] <= self.receipted:
            self.delays.append(now - self._sent.popleft()[1])

    async def ask(self) -> None:
        """Where is the hub? As after each reconnect."""
        question = WatermarkQuestion(epoch=self.epoch).model_dump_json().encode()
        try:
            reply = await self.client.request(subjects.watermark_question(self.agent_id), question, timeout=20)
            self.outbox.receipt(unseal(reply.data, self._hub).watermarks)
        except (nats.errors.Error, OSError):
            self.outbox.lose_link()

    def _lost(self) -> None:
        self.outbox.lose_link()
        self._overdue.clear()

    def _back(self) -> None:
        self.back_at = time.monotonic()


async def _ignore(_message: Msg) -> None: ...


def _unchecked(payload: bytes) -> Receipt:
    return Receipt.model_validate_json(Envelope.model_validate_json(payload).body)


class Fleet:
    """All agents of this process."""

    def __init__(self, agents: list[SimulatedAgent]) -> None:
        self._agents = agents

    async def obey(self, stack: AsyncExitStack) -> None:
        """Until standard input ends."""
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order = json.loads(line)
            answer = await getattr(self, order.pop("do"))(stack, **order)
            cpu = resource.getrusage(resource.RUSAGE_SELF)
            sys.stdout.write(json.dumps({**answer, "cpu_s": cpu.ru_utime + cpu.ru_stime}) + "\n")
            sys.stdout.flush()

    async def connect(self, stack: AsyncExitStack) -> dict[str, Any]:
        """All log in."""
        gate, began = asyncio.Semaphore(CONNECTING_AT_ONCE), time.monotonic()

        async def one(agent: SimulatedAgent) -> None:
            async with gate:
                await agent.connect(stack)

        await asyncio.gather(*(one(agent) for agent in self._agents))
        return {"connected": len(self._agents), "seconds": time.monotonic() - began}

    async def idle(self, _stack: AsyncExitStack, seconds: float) -> dict[str, Any]:
        """Say nothing at all."""
        await asyncio.sleep(seconds)
        return {}

    async def presence(
        self, _stack: AsyncExitStack, seconds: float, interval_seconds: float, news: bool
    ) -> dict[str, Any]:
        """A heartbeat of each agent every `interval_seconds`, spread evenly."""
        began, step, beats = time.monotonic(), interval_seconds / len(self._agents), 0
        while (now := time.monotonic()) < began + seconds:
            while beats * step < now - began:
                await self._agents[beats % len(self._agents)].beat(interval_seconds, news=news)
                beats += 1
            await asyncio.sleep(TICK_SECONDS)
        return {"heartbeats": beats}

    async def traffic(self, _stack: AsyncExitStack, seconds: float, events_per_second: float) -> dict[str, Any]:
        """Each agent's events of `WINDOW_SECONDS` leave together, agents spread evenly over that time."""
        per_window = events_per_second * WINDOW_SECONDS / len(self._agents)
        began, step, turns, made = time.monotonic(), WINDOW_SECONDS / len(self._agents), 0, 0
        late = 0.0
        while (now := time.monotonic()) < began + seconds:
            at = datetime.now(UTC)
            while turns * step < now - began:
                agent = self._agents[turns % len(self._agents)]
                due = int((turns // len(self._agents) + 1) * per_window) - int(turns // len(self._agents) * per_window)
                late = max(late, now - began - turns * step)
                await agent.grow(due, at, now)
                made += due
                turns += 1
            await asyncio.sleep(TICK_SECONDS)
        return {"made": made, "late_seconds": late}

    async def settle(self, _stack: AsyncExitStack, seconds: float) -> dict[str, Any]:
        """Send what is left, until the hub has signed for everything; how long each window of events took."""
        began = time.monotonic()
        while (behind := self._behind()) and time.monotonic() < began + seconds:
            for agent in behind:
                await agent.push(datetime.now(UTC), time.monotonic())
            await asyncio.sleep(0.1)
        delays = sorted(delay for agent in self._agents for delay in agent.delays)
        return {
            "behind": len(behind),
            "signed": sum(agent.receipted for agent in self._agents),
            "delays_ms": [round(delay * 1000, 1) for delay in delays],
        }

    def _behind(self) -> list[SimulatedAgent]:
        return [agent for agent in self._agents if agent.receipted < agent.outbox.newest("lpr")]

    async def returned(self, _stack: AsyncExitStack, since: float, seconds: float) -> dict[str, Any]:
        """Wait until all are back after the server went away at monotonic time `since`; who took how long."""
        until = time.monotonic() + seconds
        while any(agent.back_at is None or agent.back_at < since for agent in self._agents):
            if time.monotonic() > until:
                break
            await asyncio.sleep(0.1)
        back = [agent.back_at - since for agent in self._agents if agent.back_at is not None and agent.back_at > since]
        await asyncio.gather(*(agent.ask() for agent in self._agents if agent.client.is_connected))
        return {"back_seconds": sorted(back), "away": len(self._agents) - len(back)}


async def main(path: Path) -> None:
    agents = []
    with path.open(encoding="utf-8") as file:
        for line in file:
            entry = json.loads(line)
            membership = Membership.model_validate(entry["membership"])
            agents.append(SimulatedAgent(entry["number"], membership, AgentKey(entry["seed"])))
    async with AsyncExitStack() as stack:
        await Fleet(agents).obey(stack)


if __name__ == "__main__":
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns each time that a TLS server goes away
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(40), logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    asyncio.run(main(Path(sys.argv[1])))
