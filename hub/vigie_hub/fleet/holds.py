"""Holds on clips at the edge: who wants what kept, and whether its agent has said that it is.

About a hundred bytes hold a clip long before there is bandwidth to move it. A wish waits for its agent, however long.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal

import structlog
from nats.aio.client import Client

from vigie_hub.custody import audit
from vigie_hub.database import Database, iso
from vigie_hub.fleet import visits
from vigie_hub.fleet.visits import PER_VISIT, Visits
from vigie_shared.clock import Clock
from vigie_shared.commands import HoldKind, HoldReply, HoldRequest, Refused
from vigie_shared.errors import CommandError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)
REASON_CHARACTERS_MAX: Final = 300
AGENTS_AT_ONCE: Final = 8
ANSWER_SECONDS: Final = 15
LOOK_SECONDS: Final = 5.0
"""How soon a wish is seen that a command has written beside the running hub. An agent that is away is not asked again
before it gives a sign of life."""

_OPEN = """
SELECT clips.agent_id, edge_holds.* FROM edge_holds JOIN clips USING (clip_id)
WHERE answer IS NULL AND (:agent_id IS NULL OR clips.agent_id = :agent_id) ORDER BY asked_at
"""
_ASK = """
INSERT INTO edge_holds (clip_id, kind, wanted, reason, asked_by, asked_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (clip_id, kind) DO UPDATE SET wanted = excluded.wanted, reason = excluded.reason,
    asked_by = excluded.asked_by, asked_at = excluded.asked_at, answer = NULL, detail = ''
"""
_ANSWER = "UPDATE edge_holds SET answer = ?, detail = ? WHERE clip_id = ? AND kind = ? AND asked_at = ?"


def ask(
    connection: sqlite3.Connection, clip_id: str, kind: HoldKind, wanted: bool, reason: str, user: str, at: datetime
) -> str:
    """Want a clip held, or no longer; returns its agent. Raises CommandError: an unknown clip, or no reason."""
    clip = connection.execute("SELECT agent_id FROM clips WHERE clip_id = ?", (clip_id,)).fetchone()
    if clip is None:
        raise CommandError(_("the hub knows no clip {clip_id}").format(clip_id=clip_id))
    if not reason.strip() or len(reason) > REASON_CHARACTERS_MAX:
        raise CommandError(_("reason: 1 to {most} characters").format(most=REASON_CHARACTERS_MAX))
    connection.execute(_ASK, (clip_id, kind, wanted, reason, user, iso(at)))
    audit.record(connection, at, user, f"{kind}_{'placed' if wanted else 'released'}", clip_id)
    agent_id: str = clip["agent_id"]
    return agent_id


class EdgeHolds:
    """Tells each agent what to hold, as soon as it can be reached."""

    def __init__(
        self, client: Client, database: Database, clock: Clock, tell: Callable[[Literal["clips"]], None]
    ) -> None:
        self._client = client
        self._database = database
        self._clock = clock
        self._tell = tell
        self.visits = Visits("hold", AGENTS_AT_ONCE, self._visit)

    async def ask(self, clip_id: str, kind: HoldKind, wanted: bool, reason: str, user: str) -> None:
        """Want a clip held, or no longer; durable on return. Raises CommandError where that cannot be."""
        now = self._clock.now()
        agent_id = await self._database.write(
            lambda connection: ask(connection, clip_id, kind, wanted, reason, user, now)
        )
        self._tell("clips")
        self.visits.want(agent_id)

    async def run(self) -> None:
        """Tell agents until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.visits.run())
            while True:
                for row in await self._open(None):
                    self.visits.owes(row["agent_id"])
                await asyncio.sleep(LOOK_SECONDS)

    async def _open(self, agent_id: str | None) -> list[sqlite3.Row]:
        return await self._database.read(
            lambda connection: connection.execute(_OPEN, {"agent_id": agent_id}).fetchall()
        )

    async def _visit(self, agent_id: str) -> bool:
        wishes = await self._open(agent_id)
        for wish in wishes[:PER_VISIT]:
            await self._tell_agent(wish)
        return len(wishes) > PER_VISIT

    async def _tell_agent(self, wish: sqlite3.Row) -> None:
        request = HoldRequest(clip_id=wish["clip_id"], kind=wish["kind"], wanted=bool(wish["wanted"]))
        reply = await visits.ask(self._client, wish["agent_id"], request, ANSWER_SECONDS)
        if reply == HoldReply(clip_id=request.clip_id, kind=request.kind, wanted=request.wanted):
            await self._note(wish, "done", "")
        else:
            reason = reply.reason if isinstance(reply, Refused) else "not the answer to what was asked"
            log.warning("hold_refused", agent_id=wish["agent_id"], clip_id=wish["clip_id"], reason=reason)
            await self._note(wish, "refused", reason)

    async def _note(self, wish: sqlite3.Row, answer: str, detail: str) -> None:
        """Keep the answer, unless somebody has asked for something else since."""
        key = (answer, detail, wish["clip_id"], wish["kind"], wish["asked_at"])
        await self._database.write(lambda connection: connection.execute(_ANSWER, key).rowcount)
        self._tell("clips")
