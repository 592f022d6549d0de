"""Listens to heartbeats; those that come in together are stored together.

Most say what the one before said. Of those only the time is kept, in few transactions.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog
from nats.aio.msg import Msg

from vigie_hub.bus.connection import Connection
from vigie_hub.bus.gathering import gather
from vigie_hub.database import Database, iso
from vigie_hub.fleet.registry import HEARTBEATS_MISSED, AgentStateChanged, Registry
from vigie_shared import subjects
from vigie_shared.clock import Clock
from vigie_shared.commands import ReportRequest
from vigie_shared.errors import StoreError, WireError
from vigie_shared.heartbeat_deltas import HeartbeatReader
from vigie_shared.heartbeats import Heartbeat

log = structlog.get_logger(__name__)
ASK_EVERY_SECONDS: Final = 30.0
STORE_EVERY_SECONDS: Final = 0.25
SIGHTINGS_EVERY_SECONDS: Final = 2.0
"""How long signs of life without news may wait to be stored."""


@dataclass(frozen=True, slots=True)
class _Received:
    heartbeat: Heartbeat
    at: datetime


@dataclass(frozen=True, slots=True)
class _Seen:
    """A heartbeat without news: when it came, and its own time."""

    at: datetime
    said_at: datetime


def _store(connection: sqlite3.Connection, received: list[_Received], seen: Mapping[str, _Seen]) -> None:
    _store_news(connection, received)
    rows = [(iso(one.at), iso(one.said_at), agent_id) for agent_id, one in sorted(seen.items())]
    connection.executemany("UPDATE agents SET last_seen_at = ?1 WHERE agent_id = ?3 AND public_key IS NOT NULL", rows)
    connection.executemany("UPDATE reports SET said_at = ?2, said_days = julianday(?2) WHERE agent_id = ?3", rows)


def _store_news(connection: sqlite3.Connection, received: list[_Received]) -> None:
    connection.executemany(
        "UPDATE agents SET last_seen_at = ?, lost_after_seconds = ?, epoch = ?, heartbeat = ?"
        " WHERE agent_id = ? AND public_key IS NOT NULL",
        [
            (
                iso(one.at),
                HEARTBEATS_MISSED * one.heartbeat.interval_seconds,
                one.heartbeat.epoch,
                one.heartbeat.model_dump_json(),
                one.heartbeat.agent_id,
            )
            for one in received
        ],
    )


class Heartbeats:
    """Subscribes to `p.*`, over a connection of its own; keeps the newest of each agent until it is stored."""

    def __init__(
        self,
        connection: Connection,
        database: Database,
        registry: Registry,
        clock: Clock,
        *,
        announce: Callable[[list[AgentStateChanged]], None],
        alive: Callable[[str], None],
        tell: Callable[[Literal["agents"]], None],
    ) -> None:
        self._connection = connection
        self._client = connection.client
        self._database = database
        self._registry = registry
        self._clock = clock
        self._announce = announce
        self._alive = alive
        self._tell = tell
        self._reader = HeartbeatReader()
        self._asked: dict[str, float] = {}
        self._pending: dict[str, _Received] = {}
        self._seen: dict[str, _Seen] = {}
        self._stirred = asyncio.Event()
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Listen and store until cancelled."""
        try:
            await self._connection.connect()
            await self._client.subscribe(subjects.ALL_HEARTBEATS, cb=self._receive)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(gather(self._client))
                tasks.create_task(self._store_what_came())
        finally:
            await self._connection.close()

    async def _store_what_came(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SIGHTINGS_EVERY_SECONDS):
                    await self._stirred.wait()
            self._stirred.clear()
            received, seen = self._pending, self._seen
            if received or seen:
                self._pending, self._seen = {}, {}
                await self._keep(list(received.values()), seen)
                for agent_id in received | seen:
                    self._alive(agent_id)
            await asyncio.sleep(STORE_EVERY_SECONDS)

    async def _ask_for_all(self, agent_id: str) -> None:
        """The hub does not know what the agent's news stand on: it was restarted, or missed a message."""
        now = self._clock.monotonic_seconds()
        if now - self._asked.get(agent_id, -ASK_EVERY_SECONDS) >= ASK_EVERY_SECONDS:
            self._asked[agent_id] = now
            await self._client.publish(subjects.command(agent_id), ReportRequest().model_dump_json().encode())

    async def _keep(self, received: list[_Received], seen: Mapping[str, _Seen]) -> None:
        try:
            await self._database.write(lambda connection: _store(connection, received, seen))
        except StoreError as error:  # later, then: the next heartbeat need not say it again
            log.error("heartbeats_not_stored", reason=str(error))
            self._pending = {one.heartbeat.agent_id: one for one in received} | self._pending
            self._seen = {**seen, **self._seen}
        self._tell("agents")

    async def _receive(self, message: Msg) -> None:
        agent_id = message.subject.partition(".")[2]
        if not self._registry.is_enrolled(agent_id):
            return
        now = self._clock.now()
        if (said_at := self._reader.again(agent_id, message.data)) is not None:
            self._announce(self._registry.seen(agent_id, now))
            self._sighted(agent_id, now, said_at)
            return
        try:
            heartbeat = self._reader.feed(agent_id, message.data)
        except WireError as error:
            level = log.debug if agent_id in self._refused else log.warning
            level("heartbeat_refused", agent_id=agent_id, reason=str(error))
            self._refused.add(agent_id)
            return
        self._refused.discard(agent_id)
        if heartbeat is None:
            self._announce(self._registry.seen(agent_id, now))
            await self._ask_for_all(agent_id)
            return
        self._announce(self._registry.seen(agent_id, now, heartbeat.interval_seconds))
        self._seen.pop(agent_id, None)
        self._pending[agent_id] = _Received(heartbeat, now)
        self._stirred.set()

    def _sighted(self, agent_id: str, now: datetime, said_at: datetime) -> None:
        """Nothing new of the agent; where its news is still to be stored, that is of now."""
        news = self._pending.get(agent_id)
        if news is None:
            self._seen[agent_id] = _Seen(now, said_at)
        else:
            self._pending[agent_id] = _Received(news.heartbeat.model_copy(update={"at": said_at}), now)
