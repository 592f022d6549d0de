"""Visits to agents that owe the hub an answer: a few at once, one at a time to each, again at its next sign of life."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from pydantic import ValidationError

from vigie_shared import subjects
from vigie_shared.commands import (
    COMMAND_REPLY,
    CropReply,
    CropRequest,
    HoldReply,
    HoldRequest,
    Refused,
    Reporting,
)
from vigie_shared.errors import StoreError

PER_VISIT: Final = 64
"""Questions in one visit, so that one agent that owes much does not keep a worker for itself."""
log = structlog.get_logger(__name__)


class AwayError(Exception):
    """The agent gives no answer now."""


async def ask(
    client: Client, agent_id: str, request: CropRequest | HoldRequest, timeout_seconds: float
) -> CropReply | HoldReply | Reporting | Refused:
    """What the agent answers for good; raises AwayError where it does not, or says that asking again helps."""
    payload = request.model_dump_json().encode()
    try:
        message = await client.request(subjects.command(agent_id), payload, timeout=timeout_seconds)
        reply = COMMAND_REPLY.validate_json(message.data)
    except (nats.errors.Error, TimeoutError) as error:
        raise AwayError(str(error)) from error
    except ValidationError:
        return Refused(reason="not a reply")
    if isinstance(reply, Refused) and reply.retryable:
        raise AwayError(reply.reason)
    return reply


class Visits:
    """`visit(agent_id)` asks all that is open there, `PER_VISIT` at most, and returns whether more is left.

    It raises AwayError where the agent falls silent, StoreError where the answer cannot be stored; both mean that the
    agent still owes.
    """

    def __init__(self, errand: str, at_once: int, visit: Callable[[str], Awaitable[bool]]) -> None:
        self._errand = errand
        self._at_once = at_once
        self._visit = visit
        self._owing: set[str] = set()
        self._due: OrderedDict[str, None] = OrderedDict()
        self._visited: set[str] = set()
        self._wake = asyncio.Event()

    @property
    def idle(self) -> bool:
        """Whether nobody is visited or about to be."""
        return not self._due and not self._visited

    def want(self, agent_id: str) -> None:
        """There is something to ask this agent."""
        self._owing.add(agent_id)
        self.alive(agent_id)

    def owes(self, agent_id: str) -> None:
        """It is known to owe something: news where it did not before, else it is asked at its next sign of life."""
        if agent_id not in self._owing and agent_id not in self._visited:
            self.want(agent_id)

    def alive(self, agent_id: str) -> None:
        """The agent gave a sign of life: ask it for what it owes."""
        if agent_id in self._owing:
            self._due[agent_id] = None
            self._wake.set()

    async def run(self) -> None:
        """Visit until cancelled."""
        async with asyncio.TaskGroup() as workers:
            for _number in range(self._at_once):
                workers.create_task(self._work())

    async def _work(self) -> None:
        while True:
            agent_id = await self._next_agent()
            self._visited.add(agent_id)
            self._owing.discard(agent_id)
            try:
                if await self._visit(agent_id):
                    self.want(agent_id)
            except AwayError as error:
                self._owing.add(agent_id)
                log.debug("asked_later", errand=self._errand, agent_id=agent_id, reason=str(error))
            except StoreError as error:
                self._owing.add(agent_id)
                log.error("answer_not_stored", errand=self._errand, agent_id=agent_id, reason=str(error))
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
