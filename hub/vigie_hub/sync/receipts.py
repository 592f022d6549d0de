"""Receipts: says to each agent, signed, how far its events are durable; and answers when one asks."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from vigie_hub.database import Database
from vigie_hub.sync.lanes import Watermarks, note_oldest, watermarks_of
from vigie_hub.sync.marks import Marks, marks_of
from vigie_hub.sync.projector import is_enrolled
from vigie_hub.sync.watermarks import Range
from vigie_shared import subjects
from vigie_shared.batches import SCHEMA
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import Lane
from vigie_shared.receipts import Receipt, Signer, WatermarkQuestion, seal

log = structlog.get_logger(__name__)
_QUEUE: Final = "hub"
_QUESTION_BYTES_MAX: Final = 4096
REST_SECONDS: Final = 1.0
"""Between two receipts to one agent; far below the time after which it asks."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one epoch of one agent stands, as the read model says."""

    agent_id: str
    epoch: str
    watermarks: Watermarks

    def is_behind(self, other: "Standing") -> bool:
        """Whether `other` says more of the same epoch."""
        return self.epoch == other.epoch and any(
            self.watermarks.get(lane, 0) < seq for lane, seq in other.watermarks.items()
        )

    marks: Marks | None = None
    """In an answer: of the places that were asked for."""


def standings(connection: sqlite3.Connection, epochs: Iterable[tuple[str, str]]) -> list[Standing]:
    """The standing of each (agent, epoch)."""
    return [Standing(agent_id, epoch, watermarks_of(connection, agent_id, epoch)) for agent_id, epoch in epochs]


def _answer(
    connection: sqlite3.Connection, agent_id: str, question: WatermarkQuestion, at: datetime
) -> tuple[Standing | None, dict[Lane, list[Range]]]:
    """The standing, after noting what the agent can no longer send; None for an agent that is not enrolled."""
    if not is_enrolled(connection, agent_id):
        return None, {}
    gaps = {
        lane: found
        for lane, oldest in question.oldest.items()
        if (found := note_oldest(connection, agent_id, question.epoch, lane, oldest, at))
    }
    marks = marks_of(connection, agent_id, question.epoch, question.marks)
    return Standing(agent_id, question.epoch, watermarks_of(connection, agent_id, question.epoch), marks), gaps


class Receipts:
    """Pushes on `c.<agent>.wm`, answers on `w.<agent>`; what it says is always read back from the read model."""

    def __init__(self, client: Client, database: Database, signer: Signer, clock: Clock) -> None:
        self._client = client
        self._database = database
        self._signer = signer
        self._clock = clock
        self._rest_until: dict[str, float] = {}
        self._newest: dict[str, Standing] = {}
        self._waiting: set[str] = set()

    async def listen(self) -> None:
        """Subscribe to questions; the subscription outlives reconnects."""
        await self._client.subscribe(subjects.ALL_WATERMARK_QUESTIONS, queue=_QUEUE, cb=self._asked)

    async def push(self, standing: Standing, now_seconds: float, *, at_once: bool = False) -> None:
        """Tell an agent, which may not be listening: it asks when it returns. One that was told just now is told a
        little later of all together, except `at_once`: a signature costs as much as ten events.
        """
        agent_id = standing.agent_id
        if standing.is_behind(self._newest.get(agent_id, standing)):
            return  # another loop's transaction came after, and told first
        self._newest[agent_id] = standing
        if now_seconds < self._rest_until.get(agent_id, now_seconds) and not at_once:
            self._waiting.add(agent_id)
        else:
            await self._tell(agent_id, now_seconds)

    async def push_waiting(self, now_seconds: float) -> None:
        """Tell those who have waited long enough."""
        for agent_id in [one for one in self._waiting if self._rest_until[one] <= now_seconds]:
            if agent_id in self._waiting:
                await self._tell(agent_id, now_seconds)

    async def _tell(self, agent_id: str, now_seconds: float) -> None:
        self._rest_until[agent_id] = now_seconds + REST_SECONDS
        self._waiting.discard(agent_id)
        await self._publish(self._newest[agent_id])

    async def _publish(self, standing: Standing) -> None:
        try:
            await self._client.publish(subjects.watermark(standing.agent_id), self._sealed(standing))
        except nats.errors.Error as error:
            log.debug("receipt_not_pushed", agent_id=standing.agent_id, reason=str(error))

    async def _asked(self, message: Msg) -> None:
        agent_id = subjects.agent_of(message.subject)
        if agent_id is None or not message.reply or len(message.data) > _QUESTION_BYTES_MAX:
            return
        try:
            question = WatermarkQuestion.model_validate_json(message.data)
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            log.warning("question_refused", agent_id=agent_id, reason=fault["msg"])
            return
        now = self._clock.now()
        try:
            standing, gaps = await self._database.write(lambda connection: _answer(connection, agent_id, question, now))
        except StoreError as error:
            log.error("question_unanswered", agent_id=agent_id, reason=str(error))
            return
        for lane, ranges in gaps.items():
            log.warning("events_missing", agent_id=agent_id, lane=lane, ranges=ranges)
        if standing is not None:
            await self._reply(message, standing)

    async def _reply(self, message: Msg, standing: Standing) -> None:
        try:
            await message.respond(self._sealed(standing))
        except nats.errors.Error as error:
            log.debug("question_unanswered", agent_id=standing.agent_id, reason=str(error))

    def _sealed(self, standing: Standing) -> bytes:
        receipt = Receipt(
            agent_id=standing.agent_id,
            epoch=standing.epoch,
            watermarks=standing.watermarks,
            issued_at=self._clock.now(),
            batch_schema=SCHEMA,
            marks=standing.marks,
        )
        return seal(receipt, self._signer)
