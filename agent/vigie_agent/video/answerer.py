"""Answers the hub's WebRTC offers: one session each, a bounded number of them, every one with a lease."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.wire_bytes import publish_bytes
from vigie_agent.video.clips.desk import ClipDesk
from vigie_agent.video.clips.library import ClipLibrary, ClipSource
from vigie_agent.video.clips.small import SmallClips
from vigie_agent.video.clips.tcp_road import TcpRoad
from vigie_agent.video.media.desk import MediaDesk
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, TransferError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.signaling import Answer, ClipWanted, MediaWanted, Offer

_OFFERS_WAITING_MAX: Final = 64
_log = structlog.get_logger(__name__)


class AnswererSettings(BaseModel):
    """How many sessions, and how long one may hold still."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_max: int = Field(default=4, ge=1, le=64)
    lease_seconds: float = Field(default=15.0, gt=0)
    """A session in which nothing moved for this long is closed."""
    ice_servers: tuple[IceServer, ...] = ()
    """STUN and TURN servers for clips, beside those that the hub names with each offer."""


class Answerer:
    """Serves `run` until cancelled; on a connection that is closed for good it raises LinkError."""

    def __init__(
        self,
        connection: Client,
        agent_id: str,
        clips: ClipSource,
        settings: AnswererSettings | None = None,
        *,
        on_taken: Callable[[str], None] = lambda clip_id: None,
        budget: LinkBudget | None = None,
        sign: Callable[[bytes], str] | None = None,
        road: TcpRoad | None = None,
        media: MediaDesk | None = None,
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_taken` hears of each clip that a puller has whole, as it says itself; it returns at once. `on_broken`
        hears of each session whose way broke.

        Without a budget nothing limits what leaves; `sign` signs manifests, `road` is the way by TCP.
        Without `media` nothing is shown.
        """
        self._budget = budget or LinkBudget.unlimited()
        self._connection = connection
        self._agent_id = agent_id
        self._settings = settings or AnswererSettings()
        self._clips = ClipDesk(
            ClipLibrary(clips, agent_id, sign),
            self._budget,
            lease_seconds=self._settings.lease_seconds,
            ice_servers=self._settings.ice_servers,
            road=road,
            small=SmallClips(clips, agent_id, sign),
            on_taken=on_taken,
        )
        self._media = media
        self._on_broken = on_broken
        self._sessions: dict[str, asyncio.Task[None]] = {}
        self._clip_count = 0
        self.ready = asyncio.Event()
        """Set while offers are taken."""

    @property
    def session_count(self) -> int:
        """Sessions that are open now."""
        return len(self._sessions)

    async def run(self) -> None:
        """Take offers; cancelling closes all sessions."""
        subscription = await self._connection.subscribe(
            subjects.all_signaling(self._agent_id), pending_msgs_limit=_OFFERS_WAITING_MAX
        )
        try:
            for _twice in range(2):  # nats-py 2.16 writes the first PING ahead of a fresh SUB
                await self._connection.flush()
            self.ready.set()
            async with asyncio.TaskGroup() as group:
                async for message in subscription.messages:
                    await self._admit(message, group)
                for session in self._sessions.values():
                    session.cancel()
            raise LinkError(_("the connection to nats-server is closed; no more offers arrive"))
        finally:
            self.ready.clear()
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    async def _admit(self, message: Msg, group: asyncio.TaskGroup) -> None:
        try:
            offer = Offer.model_validate_json(message.data)
        except ValidationError as error:
            _log.warning("offer_refused", reason="not an offer", errors=error.error_count())
            await self._reply(message, Refused(reason=_("this agent does not understand the offer")))
            return
        if message.subject != subjects.signaling(self._agent_id, offer.session_id):
            await self._reply(message, Refused(reason=_("the offer is for another session than its subject")))
        elif offer.session_id in self._sessions:
            _log.debug("offer_repeated", session_id=offer.session_id)  # the first is answered, or will be
        elif isinstance(offer.wanted, ClipWanted) and self._clip_count >= self._settings.sessions_max:
            reason = _("{count} video sessions are open; try again later").format(count=self._clip_count)
            await self._reply(message, Refused(reason=reason, retryable=True))
        else:
            session = group.create_task(self._serve(message, offer))
            self._sessions[offer.session_id] = session
            self._clip_count += isinstance(offer.wanted, ClipWanted)
            session.add_done_callback(lambda _task: self._forget(offer))

    def _forget(self, offer: Offer) -> None:
        del self._sessions[offer.session_id]
        self._clip_count -= isinstance(offer.wanted, ClipWanted)

    async def _serve(self, message: Msg, offer: Offer) -> None:
        """What is `wanted` decides the kind of session."""
        log = _log.bind(session_id=offer.session_id)
        try:
            match offer.wanted:
                case ClipWanted():
                    await self._clips.serve(offer, offer.wanted, lambda reply: self._reply(message, reply))
                case MediaWanted() if self._media is not None:
                    await self._media.serve(offer, offer.wanted, lambda reply: self._reply(message, reply))
                case MediaWanted():
                    await self._reply(message, Refused(reason=_("this agent shows no live video")))
        except TransferError as error:
            log.info("session_broken_off", reason=str(error))
            self._on_broken()
        except Exception as error:  # one session must not end the others
            await asyncio.to_thread(log.error, "session_failed", exc_info=error)  # a traceback reads source files

    async def _reply(self, message: Msg, reply: Answer | Refused) -> None:
        if not message.reply:
            return
        try:
            payload = reply.model_dump_json().encode()
            await self._budget.take("heartbeat", publish_bytes(message.reply, len(payload)))
            await self._connection.publish(message.reply, payload)
        except nats.errors.Error as error:  # the hub asks again; a session without it ends with its lease
            _log.warning("reply_not_sent", reason=str(error))
