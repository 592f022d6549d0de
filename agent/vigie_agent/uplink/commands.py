"""What the hub asks of this agent on `c.<agent>.cmd`, answered one at a time."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import ValidationError

from vigie_agent.store import GoneError
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_shared import subjects
from vigie_shared.commands import (
    COMMAND,
    CropReply,
    CropRequest,
    HoldKind,
    HoldReply,
    HoldRequest,
    Refused,
    Reporting,
    ReportRequest,
)
from vigie_shared.errors import LinkError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.link import Priority

log = structlog.get_logger(__name__)

Reply = CropReply | HoldReply | Reporting | Refused


PICTURES_WAITING_MAX: Final = 16
PICTURE_SECONDS_MAX: Final = 8.0
"""The hub soon asks no more: what would leave later leaves in vain."""


class Keeper(Protocol):
    """Where the pictures of plates are, and the clips."""

    def crop(self, read_id: str) -> bytes | None:
        """JPEG, or None where it is not kept; blocks."""
        ...

    def follow_hub(self, clip_id: str, kind: HoldKind, wanted: bool) -> None:
        """Hold a clip, or no longer; blocks until durable. Raises GoneError where it is not here any more."""
        ...


class CommandDesk:
    """Answers every request, even one that it does not understand."""

    def __init__(
        self,
        agent_id: str,
        keeper: Keeper,
        budget: LinkBudget | None = None,
        report: Callable[[], None] = lambda: None,
    ) -> None:
        """Without a budget nothing limits what leaves. `report` has a whole heartbeat sent."""
        self._report = report
        self._agent_id = agent_id
        self._keeper = keeper
        self._budget = budget or LinkBudget.unlimited()

    async def run(self, client: Client) -> None:
        """Answer until cancelled; LinkError once the client is closed for good."""
        subscription = await client.subscribe(subjects.command(self._agent_id), pending_msgs_limit=256)
        async with asyncio.TaskGroup() as pictures:
            waiting: set[asyncio.Task[None]] = set()
            async for message in subscription.messages:
                reply = await self.answer(message.data)
                if isinstance(reply, CropReply) and len(waiting) < PICTURES_WAITING_MAX:
                    task = pictures.create_task(self._send_picture(client, message, reply))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
                else:
                    await self._send(client, message, _no_turn() if isinstance(reply, CropReply) else reply)
            for task in waiting:
                task.cancel()
        raise LinkError(_("the connection to nats-server is closed; no more commands arrive"))

    async def answer(self, payload: bytes) -> Reply:
        """What to reply to one request."""
        try:
            request = COMMAND.validate_json(payload)
        except ValidationError:
            return Refused(reason=_("this agent does not know the command: update the agent"))
        if isinstance(request, ReportRequest):
            self._report()
            return Reporting()
        try:
            if isinstance(request, HoldRequest):
                return await self._hold(request)
            return await self._crop(request)
        except VigieError as error:
            return Refused(reason=str(error)[:300], retryable=not isinstance(error, GoneError))

    async def _crop(self, request: CropRequest) -> CropReply | Refused:
        jpeg = await asyncio.to_thread(self._keeper.crop, request.read_id)
        if jpeg is None:
            return Refused(reason=_("no picture of read {read_id} here").format(read_id=request.read_id))
        return CropReply.model_construct(reply="crop", read_id=request.read_id, jpeg=jpeg)

    async def _hold(self, request: HoldRequest) -> HoldReply:
        await asyncio.to_thread(self._keeper.follow_hub, request.clip_id, request.kind, request.wanted)
        return HoldReply(clip_id=request.clip_id, kind=request.kind, wanted=request.wanted)

    async def _send_picture(self, client: Client, message: Msg, reply: CropReply) -> None:
        """A picture waits for its turn behind all events; other requests do not wait behind it."""
        try:
            async with asyncio.timeout(PICTURE_SECONDS_MAX):
                await self._send(client, message, reply)
        except TimeoutError:
            await self._send(client, message, _no_turn())

    async def _send(self, client: Client, message: Msg, reply: Reply) -> None:
        if not message.reply:
            return
        try:
            payload = reply.model_dump_json().encode()
            priority: Priority = "crop" if isinstance(reply, CropReply) else "heartbeat"
            await self._budget.take(priority, publish_bytes(message.reply, len(payload)))
            await client.publish(message.reply, payload)
        except nats.errors.Error as error:  # the hub asks again
            log.debug("reply not sent", reason=str(error) or type(error).__name__)


def _no_turn() -> Refused:
    return Refused(reason=_("the link carries what is more urgent; ask again later"), retryable=True)
