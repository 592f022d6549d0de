"""Fetches the pictures of hits from the edge; where the agent is away, again at its next sign of life."""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal

import nats.errors
import structlog
from nats.aio.client import Client
from pydantic import ValidationError

from vigie_hub.database import Database
from vigie_hub.settings import AlertSettings
from vigie_shared import subjects
from vigie_shared.commands import COMMAND_REPLY, CropReply, CropRequest
from vigie_shared.errors import StoreError

log = structlog.get_logger(__name__)
_REFUSED_MAX: Final = 4096
_PER_VISIT: Final = 64
_JPEG: Final = b"\xff\xd8"


class AwayError(Exception):
    """The agent gives no answer now."""


def _agents_owing(connection: sqlite3.Connection) -> set[str]:
    return {row["agent_id"] for row in connection.execute("SELECT DISTINCT agent_id FROM alerts WHERE crop IS NULL")}


def _reads_without(connection: sqlite3.Connection, agent_id: str) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT read_id, at FROM alerts WHERE crop IS NULL AND agent_id = ? ORDER BY at DESC", (agent_id,)
    )
    return [row["read_id"] for row in rows]


class Crops:
    """A few workers; each visits one agent at a time and asks for all pictures that it owes."""

    def __init__(
        self,
        client: Client,
        database: Database,
        settings: AlertSettings,
        tell: Callable[[Literal["alerts"]], None],
    ) -> None:
        self._client = client
        self._database = database
        self._settings = settings
        self._tell = tell
        self._owing: set[str] = set()
        self._due: OrderedDict[str, None] = OrderedDict()
        self._visited: set[str] = set()
        self._wake = asyncio.Event()
        self._refused: OrderedDict[str, None] = OrderedDict()

    def want(self, agent_id: str) -> None:
        """An alert was raised on a read of this agent."""
        self._owing.add(agent_id)
        self.alive(agent_id)

    def alive(self, agent_id: str) -> None:
        """The agent gave a sign of life: ask it for what it owes."""
        if agent_id in self._owing:
            self._due[agent_id] = None
            self._wake.set()

    async def run(self) -> None:
        """Fetch until cancelled."""
        for agent_id in await self._database.read(_agents_owing):
            self.want(agent_id)
        async with asyncio.TaskGroup() as workers:
            for _number in range(self._settings.crops_at_once):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            agent_id = await self._next_agent()
            self._visited.add(agent_id)
            try:
                await self._visit(agent_id)
            except AwayError as error:
                log.debug("crop_later", agent_id=agent_id, reason=str(error))
            except StoreError as error:
                log.error("crop_not_stored", agent_id=agent_id, reason=str(error))
            finally:
                self._visited.discard(agent_id)
                self._wake.set()

    async def _next_agent(self) -> str:
        """An agent that is due and that no other worker is at."""
        while True:
            for agent_id in self._due:
                if agent_id not in self._visited:
                    del self._due[agent_id]
                    return agent_id
            self._wake.clear()
            await self._wake.wait()

    async def _visit(self, agent_id: str) -> None:
        """Ask for each missing picture; raises AwayError where the agent falls silent."""
        self._owing.discard(agent_id)
        reads = await self._database.read(lambda connection: _reads_without(connection, agent_id))
        open_reads = [read_id for read_id in reads if read_id not in self._refused]
        if len(open_reads) > _PER_VISIT:
            self.want(agent_id)
        try:
            for read_id in open_reads[:_PER_VISIT]:
                await self._fetch(agent_id, read_id)
        except BaseException:
            self._owing.add(agent_id)
            raise

    async def _fetch(self, agent_id: str, read_id: str) -> None:
        request = CropRequest(read_id=read_id).model_dump_json().encode()
        try:
            message = await self._client.request(
                subjects.command(agent_id), request, timeout=self._settings.crop_timeout_seconds
            )
            reply = COMMAND_REPLY.validate_json(message.data)
        except (nats.errors.Error, TimeoutError) as error:
            raise AwayError(str(error)) from error
        except ValidationError:
            self._give_up(agent_id, read_id, "not a reply")
            return
        if isinstance(reply, CropReply) and reply.read_id == read_id and reply.jpeg.startswith(_JPEG):
            await self._store(agent_id, read_id, reply.jpeg)
        elif isinstance(reply, CropReply):
            self._give_up(agent_id, read_id, "not the picture that was asked for")
        elif reply.retryable:
            raise AwayError(reply.reason)
        else:
            self._give_up(agent_id, read_id, reply.reason)

    async def _store(self, agent_id: str, read_id: str, jpeg: bytes) -> None:
        await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE alerts SET crop = ? WHERE read_id = ? AND agent_id = ? AND crop IS NULL",
                    (jpeg, read_id, agent_id),
                ).rowcount
            )
        )
        self._tell("alerts")

    def _give_up(self, agent_id: str, read_id: str, reason: str) -> None:
        """Ask no more until the hub starts again."""
        log.warning("crop_refused", agent_id=agent_id, read_id=read_id, reason=reason)
        self._refused[read_id] = None
        while len(self._refused) > _REFUSED_MAX:
            self._refused.popitem(last=False)
