"""The fetch loop: messages of `EVT` → one transaction → JetStream acks → receipts. In this order, always."""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

from vigie_hub.database import Database
from vigie_hub.settings import NatsSettings
from vigie_hub.sync.arrivals import Arrival, Refusal, receive_all
from vigie_hub.sync.fairness import HITS, OTHERS, Shares
from vigie_hub.sync.projector import Projection, is_enrolled, project_all
from vigie_hub.sync.pulling import Pull
from vigie_hub.sync.reads import index_some, is_much_unindexed
from vigie_hub.sync.receipts import Receipts, Standing, standings
from vigie_hub.sync.stream import bind
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError

log = structlog.get_logger(__name__)
FETCH_MESSAGES: Final = 256
FETCH_SECONDS: Final = 2.0
"""Also how long a restart of nats-server can go unnoticed: it forgets who waits."""
_RETRY_SECONDS: Final = (0.1, 1.0)
TRANSACTION_EVENTS: Final = 4096
PURGE_SECONDS: Final = 0.25
Received = list[tuple[Msg, Arrival | Refusal]]
Topic = Literal["events", "alerts", "clips", "agents"]


@dataclass(slots=True)
class Outcome:
    """What one transaction made of one fetch."""

    projections: list[Projection] = field(default_factory=list)
    refused: list[tuple[Msg, Refusal]] = field(default_factory=list)
    standings: list[Standing] = field(default_factory=list)
    is_much_unindexed: bool = False


def _project_all(connection: sqlite3.Connection, received: Received, at: datetime) -> Outcome:
    outcome = Outcome()
    enrolled: dict[str, bool] = {}
    known: list[Arrival | Refusal] = []
    for message, arrival in received:
        if arrival.agent_id not in enrolled:
            enrolled[arrival.agent_id] = is_enrolled(connection, arrival.agent_id)
        if not enrolled[arrival.agent_id]:
            reason = "agent is not enrolled: vigie hub enrol"
            outcome.refused.append((message, Refusal(arrival.agent_id, reason, message.subject)))
            continue
        known.append(arrival)
        if isinstance(arrival, Refusal):
            outcome.refused.append((message, arrival))
    outcome.projections = project_all(connection, known, at)
    epochs = [(projection.agent_id, projection.epoch) for projection in outcome.projections]
    outcome.standings = standings(connection, epochs)
    outcome.is_much_unindexed = is_much_unindexed(connection)
    return outcome


def _portion(received: Received) -> Received:
    """As many of the first as one transaction may hold up a hit with."""
    events = 0
    for count, (_message, arrival) in enumerate(received):
        events += arrival.head.count if arrival.head else 1
        if count and events > TRANSACTION_EVENTS:
            return received[:count]
    return received


class Consumer:
    """Reads stream `EVT` into the read model for ever: through restarts of the server, and through a wiped stream."""

    def __init__(
        self,
        client: Client,
        database: Database,
        receipts: Receipts,
        clock: Clock,
        settings: NatsSettings,
        *,
        tell: Callable[[Topic], None],
        seen: Callable[[str, datetime], None] = lambda agent_id, at: None,
        hit: Callable[[str], None] = lambda agent_id: None,
    ) -> None:
        self._client = client
        self._database = database
        self._receipts = receipts
        self._clock = clock
        self._settings = settings
        self._tell = tell
        self._seen = seen
        self._hit = hit
        self._binding = asyncio.Lock()  # two that make the stream at once would ask for its room twice
        self._shares = {subjects.HITS_DURABLE: Shares(HITS), subjects.DURABLE: Shares(OTHERS)}
        self._purged_at: dict[str, float] = {}
        self._complained: set[str] = set()
        self._refused_agents: set[str] = set()

    async def run(self) -> None:
        """Fetch until cancelled; hits by themselves, so that nothing delays them."""
        async with asyncio.TaskGroup() as tasks:
            for durable in (subjects.HITS_DURABLE, subjects.DURABLE):
                tasks.create_task(self._read(durable), name=f"durable {durable}")

    async def _read(self, durable: str) -> None:
        while True:
            try:
                async with self._binding:
                    await bind(self._client, self._settings, durable)
                await self._consume(durable)
            except (nats.errors.Error, TimeoutError, OSError, StoreError) as error:
                level = log.debug if self._complained else log.warning
                level("stream_unavailable", reason=str(error) or type(error).__name__)
                self._complained.add(durable)
            await asyncio.sleep(random.uniform(*_RETRY_SECONDS))  # noqa: S311

    async def _consume(self, durable: str) -> None:
        """Fetch until the server, the stream or the disk fails."""
        async with Pull(self._client, subjects.STREAM, durable, FETCH_MESSAGES, FETCH_SECONDS) as pull:
            while True:
                messages = await self._fetch(pull, durable)
                await self._receipts.push_waiting(asyncio.get_running_loop().time())
                if durable in self._complained:
                    self._complained.discard(durable)
                    if not self._complained:
                        log.info("stream_available")
                if messages:
                    await self._take(await self._fair(messages, self._shares[durable]))

    async def _fetch(self, pull: Pull, durable: str) -> list[Msg]:
        """The next messages; none where none came in time."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # which a request of nats-py has forgotten (`bus.system.System._request`)
        try:
            return await pull.fetch()
        except TimeoutError:
            while durable == subjects.DURABLE and await self._database.write(index_some):
                pass
            # Is it there at all? Raises where the stream was wiped.
            await self._client.jetstream().consumer_info(subjects.STREAM, durable)
            return []

    async def clear(self, agent_id: str) -> None:
        """Forget what an agent has in the stream: it flooded, or will send again what has no receipt."""
        try:
            await self._client.jetstream().purge_stream(subjects.STREAM, subject=f"e.{agent_id}.*")
        except (nats.errors.Error, TimeoutError) as error:
            log.debug("not_cleared", agent_id=agent_id, reason=str(error) or type(error).__name__)

    async def _fair(self, messages: list[Msg], shares: Shares) -> list[Msg]:
        """Those within their agents' shares. Other lanes are cleared: what has no receipt is sent again, later."""
        now = asyncio.get_running_loop().time()
        fair: list[Msg] = []
        excess: dict[str, str] = {}
        for message in messages:
            agent_id = subjects.agent_of(message.subject) or "?"
            if shares.take(agent_id, len(message.data), now):
                fair.append(message)
            else:
                excess[message.subject] = agent_id
                await message.term()
        for subject, agent_id in excess.items():
            if now - self._purged_at.get(subject, -PURGE_SECONDS) >= PURGE_SECONDS:
                if subject not in self._purged_at:
                    log.warning("agent_sends_too_much", agent_id=agent_id, subject=subject)
                self._purged_at[subject] = now
                await self._client.jetstream().purge_stream(subjects.STREAM, subject=subject)
        return fair

    async def _take(self, messages: list[Msg]) -> None:
        """Make `messages` durable, then say so: to JetStream, to the agents, to the page."""
        arrivals = await asyncio.to_thread(receive_all, [(one.subject, one.data) for one in messages])
        received = [*zip(messages, arrivals, strict=True)]
        while received:
            part = _portion(received)
            received = received[len(part) :]
            await self._settle(part)

    async def _settle(self, received: Received) -> None:
        now = self._clock.now()
        outcome = await self._database.write(lambda connection: _project_all(connection, received, now))
        refused = {id(message) for message, _refusal in outcome.refused}
        for message, _arrival in received:
            await (message.term() if id(message) in refused else message.ack())
        hurried = {arrival.agent_id for _message, arrival in received if arrival.lane == "hit"}
        for standing in outcome.standings:
            at_once = standing.agent_id in hurried
            await self._receipts.push(standing, asyncio.get_running_loop().time(), at_once=at_once)
        self._announce(outcome, now)
        if outcome.is_much_unindexed:
            await self._database.write(index_some)

    def _announce(self, outcome: Outcome, now: datetime) -> None:
        for _message, refusal in outcome.refused:
            level = log.debug if refusal.agent_id in self._refused_agents else log.warning
            level("batch_refused", agent_id=refusal.agent_id, reason=refusal.reason)
            self._refused_agents.add(refusal.agent_id)
        for projection in outcome.projections:
            self._refused_agents.discard(projection.agent_id)
            self._seen(projection.agent_id, now)
            if projection.alerts:
                self._hit(projection.agent_id)
        if any(projection.events for projection in outcome.projections):
            self._tell("events")
        if any(projection.clips for projection in outcome.projections):
            self._tell("clips")
        if any(projection.alerts for projection in outcome.projections):
            self._tell("alerts")
