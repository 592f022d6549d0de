"""Listens to heartbeats; those that come in together are stored together."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg

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


@dataclass(frozen=True, slots=True)
class _Received:
    heartbeat: Heartbeat
    at: datetime


def _store(connection: sqlite3.Connection, received: list[_Received]) -> None:
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
    """Subscribes to `p.*`; keeps the newest of each enrolled agent until it is stored."""

    def __init__(
        self,
        client: Client,
        database: Database,
        registry: Registry,
        clock: Clock,
        *,
        announce: Callable[[list[AgentStateChanged]], None],
        alive: Callable[[str], None],
        tell: Callable[[Literal["agents"]], None],
    ) -> None:
        self._client = client
        self._database = database
        self._registry = registry
        self._clock = clock
        self._announce = announce
        self._alive = alive
        self._tell = tell
        self._reader = HeartbeatReader()
        self._asked: dict[str, float] = {}
        self._pending: dict[str, _Received] = {}
        self._stirred = asyncio.Event()
        self._refused: set[str] = set()

    async def run(self) -> None:
        """Listen and store until cancelled."""
        await self._client.subscribe(subjects.ALL_HEARTBEATS, cb=self._receive)
        while True:
            await self._stirred.wait()
            self._stirred.clear()
            received = list(self._pending.values())
            self._pending.clear()
            await self._keep(received)
            for one in received:
                self._alive(one.heartbeat.agent_id)
            await asyncio.sleep(STORE_EVERY_SECONDS)

    async def _ask_for_all(self, agent_id: str) -> None:
        """The hub does not know what the agent's news stand on: it was restarted, or missed a message."""
        now = self._clock.monotonic_seconds()
        if now - self._asked.get(agent_id, -ASK_EVERY_SECONDS) >= ASK_EVERY_SECONDS:
            self._asked[agent_id] = now
            await self._client.publish(subjects.command(agent_id), ReportRequest().model_dump_json().encode())

    async def _keep(self, received: list[_Received]) -> None:
        try:
            await self._database.write(lambda connection: _store(connection, received))
        except StoreError as error:  # the next heartbeat says it again
            log.error("heartbeats_not_stored", reason=str(error))
        self._tell("agents")

    async def _receive(self, message: Msg) -> None:
        agent_id = subjects.agent_of(message.subject)
        if agent_id is None or not self._registry.is_enrolled(agent_id):
            return
        try:
            heartbeat = self._reader.feed(agent_id, message.data)
        except WireError as error:
            level = log.debug if agent_id in self._refused else log.warning
            level("heartbeat_refused", agent_id=agent_id, reason=str(error))
            self._refused.add(agent_id)
            return
        self._refused.discard(agent_id)
        now = self._clock.now()
        if heartbeat is None:
            self._announce(self._registry.seen(agent_id, now))
            await self._ask_for_all(agent_id)
            return
        self._announce(self._registry.seen(agent_id, now, heartbeat.interval_seconds))
        self._pending[agent_id] = _Received(heartbeat, now)
        self._stirred.set()
