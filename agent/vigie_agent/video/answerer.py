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
from vigie_agent.video.clip_session import ClipSession, ClipSource
from vigie_agent.video.peers import AnsweringPeer
from vigie_shared import subjects
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, TransferError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import Answer, ClipWanted, MediaWanted, Offer
from vigie_shared.transfer import CHANNEL

_OFFERS_WAITING_MAX: Final = 64
METERED_SECONDS: Final = 600.0
"""When to ask again over a link that never carries it: the box may have come to another one."""
_log = structlog.get_logger(__name__)


class AnswererSettings(BaseModel):
    """How many sessions, and how long one may hold still."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sessions_max: int = Field(default=4, ge=1, le=64)
    lease_seconds: float = Field(default=15.0, gt=0)
    """A session in which nothing moved for this long is closed."""
    ice_servers: tuple[str, ...] = ()
    """STUN and TURN addresses; none: host candidates only."""


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
    ) -> None:
        """`on_taken` hears of each clip that a puller has whole, as it says itself; it returns at once.

        Without a budget nothing limits what leaves.
        """
        self._budget = budget or LinkBudget.unlimited()
        self._on_taken = on_taken
        self._connection = connection
        self._agent_id = agent_id
        self._clips = clips
        self._settings = settings or AnswererSettings()
        self._sessions: dict[str, asyncio.Task[None]] = {}
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
            await self._reply(message, Refused(reason=_("this session is open already")))
        elif len(self._sessions) >= self._settings.sessions_max:
            reason = _("{count} video sessions are open; try again later").format(count=len(self._sessions))
            await self._reply(message, Refused(reason=reason, retryable=True))
        else:
            session = group.create_task(self._serve(message, offer))
            self._sessions[offer.session_id] = session
            session.add_done_callback(lambda _task: self._sessions.pop(offer.session_id))

    async def _serve(self, message: Msg, offer: Offer) -> None:
        """What is `wanted` decides the kind of session."""
        log = _log.bind(session_id=offer.session_id)
        try:
            match offer.wanted:
                case ClipWanted():
                    await self._serve_clip(message, offer, offer.wanted)
                case MediaWanted():
                    await self._reply(message, Refused(reason=_("this agent shows no live video")))
        except TransferError as error:
            log.info("session_broken_off", reason=str(error))
        except Exception as error:  # one session must not end the others
            await asyncio.to_thread(log.error, "session_failed", exc_info=error)  # a traceback reads source files

    async def _serve_clip(self, message: Msg, offer: Offer, wanted: ClipWanted) -> None:
        async with AnsweringPeer(CHANNEL, self._settings.lease_seconds, self._settings.ice_servers) as peer:
            session = await self._open_clip(message, offer, wanted, peer)
            if session is not None:
                complete = await session.run()
                if complete:
                    self._on_taken(wanted.clip_id)
                sent = "clip_sent" if complete else "clip_refused"
                _log.info(sent, session_id=offer.session_id, clip_id=wanted.clip_id, bytes=session.sent_bytes)

    async def _open_clip(
        self, message: Msg, offer: Offer, wanted: ClipWanted, peer: AnsweringPeer
    ) -> ClipSession | None:
        """Answer or refuse."""
        try:
            manifest = await asyncio.to_thread(self._clips.manifest, wanted.clip_id)
            if manifest is None:
                reason = _("no clip {clip_id} here; it may have been overwritten").format(clip_id=wanted.clip_id)
                await self._reply(message, Refused(reason=reason))
                return None
            if (refused := self._held_back(wanted)) is not None:
                await self._reply(message, refused)
                return None
            answer = await peer.answer(offer.sdp)
        except VigieError as error:
            await self._reply(message, Refused(reason=str(error)[:300], retryable=error.retryable))
            return None
        except Exception:
            await self._reply(message, Refused(reason=_("a fault in the agent; its log says more")))
            raise
        await self._reply(message, Answer(sdp=answer))
        return ClipSession(peer, manifest, self._clips, self._budget, wanted.priority)

    def _held_back(self, wanted: ClipWanted) -> Refused | None:
        """What to say where the link may not carry it now."""
        barrier = self._budget.barrier(wanted.priority)
        if barrier is None:
            return None
        reason = _("clip {clip_id} may not use this link now: {reason}").format(clip_id=wanted.clip_id, reason=barrier)
        after_seconds = self._budget.wait_seconds(wanted.priority)
        return Refused(
            reason=reason, retryable=True, after_seconds=METERED_SECONDS if after_seconds is None else after_seconds
        )

    async def _reply(self, message: Msg, reply: Answer | Refused) -> None:
        if not message.reply:
            return
        try:
            payload = reply.model_dump_json().encode()
            await self._budget.take("heartbeat", publish_bytes(message.reply, len(payload)))
            await self._connection.publish(message.reply, payload)
        except nats.errors.Error as error:  # the hub asks again; a session without it ends with its lease
            _log.warning("reply_not_sent", reason=str(error))
