"""Fetches the pictures of hits from the edge; where the agent is away, again at its next sign of life."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Literal

import structlog
from nats.aio.client import Client

from vigie_hub.database import Database
from vigie_hub.fleet import visits
from vigie_hub.fleet.visits import PER_VISIT, Visits
from vigie_hub.settings import AlertSettings
from vigie_shared.commands import CropReply, CropRequest, Refused

log = structlog.get_logger(__name__)
_REFUSED_MAX: Final = 4096
_JPEG: Final = b"\xff\xd8"


def _agents_owing(connection: sqlite3.Connection) -> set[str]:
    return {row["agent_id"] for row in connection.execute("SELECT DISTINCT agent_id FROM alerts WHERE crop IS NULL")}


def _reads_without(connection: sqlite3.Connection, agent_id: str) -> list[str]:
    rows = connection.execute(
        "SELECT DISTINCT read_id, at FROM alerts WHERE crop IS NULL AND agent_id = ? ORDER BY at DESC", (agent_id,)
    )
    return [row["read_id"] for row in rows]


class Crops:
    """Asks each agent for all pictures that it owes."""

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
        self.visits = Visits("crop", settings.crops_at_once, self._visit)
        self._refused: OrderedDict[str, None] = OrderedDict()

    async def run(self) -> None:
        """Fetch until cancelled."""
        for agent_id in await self._database.read(_agents_owing):
            self.visits.want(agent_id)
        await self.visits.run()

    async def _visit(self, agent_id: str) -> bool:
        """Ask for each missing picture; whether more are missing."""
        reads = await self._database.read(lambda connection: _reads_without(connection, agent_id))
        open_reads = [read_id for read_id in reads if read_id not in self._refused]
        for read_id in open_reads[:PER_VISIT]:
            await self._fetch(agent_id, read_id)
        return len(open_reads) > PER_VISIT

    async def _fetch(self, agent_id: str, read_id: str) -> None:
        request, timeout = CropRequest(read_id=read_id), self._settings.crop_timeout_seconds
        reply = await visits.ask(self._client, agent_id, request, timeout)
        if isinstance(reply, CropReply) and reply.read_id == read_id and reply.jpeg.startswith(_JPEG):
            await self._store(agent_id, read_id, reply.jpeg)
        elif not isinstance(reply, Refused):
            self._give_up(agent_id, read_id, "not the picture that was asked for")
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
