"""Serves clips to pullers that ask for them: over a data channel, or over TCP where the hub opened a door."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import structlog

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.clips.library import ClipLibrary, Served
from vigie_agent.video.clips.peer import AnsweringPeer
from vigie_agent.video.clips.session import ClipSession, Peer
from vigie_agent.video.clips.small import SmallClips
from vigie_agent.video.clips.tcp_road import TcpRoad
from vigie_shared.commands import Refused
from vigie_shared.errors import LinkError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.signaling import Answer, ClipWanted, Offer
from vigie_shared.transfer import CHANNEL, Manifest

METERED_SECONDS: Final = 600.0
"""When to ask again over a link that never carries it: the box may have come to another one."""
_log = structlog.get_logger(__name__)

Reply = Callable[[Answer | Refused], Awaitable[None]]


class ClipDesk:
    """One per answerer."""

    def __init__(
        self,
        library: ClipLibrary,
        budget: LinkBudget,
        *,
        lease_seconds: float,
        ice_servers: tuple[IceServer, ...] = (),
        road: TcpRoad | None = None,
        small: SmallClips | None = None,
        on_taken: Callable[[str], None] = lambda clip_id: None,
    ) -> None:
        """Without a `road`, the data channel is the only one; without `small`, there are no sub-streams."""
        self._library = library
        self._small = small
        self._budget = budget
        self._lease_seconds = lease_seconds
        self._ice_servers = ice_servers
        self._road = road
        self._on_taken = on_taken

    async def serve(self, offer: Offer, wanted: ClipWanted, reply: Reply) -> None:
        """One session, from the answer on; raises TransferError where it breaks off."""
        try:
            manifest = await asyncio.to_thread(self._library.manifest, wanted.clip_id)
            if (refused := self._refused(wanted, manifest)) is not None:
                await reply(refused)
                return
            assert manifest is not None
            manifest, served = await self._served(manifest, wanted)
        except VigieError as error:
            await reply(_refusal(error))
            return
        except Exception:
            await reply(Refused(reason=_("a fault in the agent; its log says more")))
            raise
        async with contextlib.AsyncExitStack() as stack:
            peer = await self._answer(offer, wanted, reply, stack)
            if peer is not None:
                session = ClipSession(peer, manifest, served, self._budget, wanted.priority)
                await self._run(session, offer, wanted)

    async def _served(self, manifest: Manifest, wanted: ClipWanted) -> tuple[Manifest, Served]:
        """What is offered of the clip. A sub-stream is made first, for as long as the session lasts."""
        if wanted.quality == "original" or self._small is None:
            return manifest, self._library
        stopped = threading.Event()
        try:
            made = await asyncio.to_thread(self._small.of, manifest, stopped.is_set)
        finally:
            stopped.set()
        return made.manifest, made

    async def _run(self, session: ClipSession, offer: Offer, wanted: ClipWanted) -> None:
        complete = await session.run()
        if complete and session.took_all and wanted.quality == "original":
            self._on_taken(wanted.clip_id)
        _log.info(
            "clip_sent" if complete else "clip_refused",
            session_id=offer.session_id,
            clip_id=wanted.clip_id,
            quality=wanted.quality,
            road=wanted.road,
            bytes=session.sent_bytes,
        )

    async def _answer(
        self, offer: Offer, wanted: ClipWanted, reply: Reply, stack: contextlib.AsyncExitStack
    ) -> Peer | None:
        """A peer whose offer is answered; None where it was refused."""
        try:
            if wanted.road == "tcp":
                peer, sdp = await stack.enter_async_context(self._dialled(offer, wanted)), ""
            else:
                channel = AnsweringPeer(CHANNEL, self._lease_seconds, (*self._ice_servers, *offer.ice_servers))
                peer, sdp = await stack.enter_async_context(channel), await channel.answer(offer.sdp)
        except VigieError as error:
            await reply(_refusal(error))
            return None
        except Exception:
            await reply(Refused(reason=_("a fault in the agent; its log says more")))
            raise
        await reply(Answer(sdp=sdp))
        return peer

    @contextlib.asynccontextmanager
    async def _dialled(self, offer: Offer, wanted: ClipWanted) -> AsyncIterator[Peer]:
        if self._road is None or wanted.door is None:
            raise LinkError(_("this agent has no TCP road"))
        async with self._road.dialled(offer.session_id, wanted.door, self._lease_seconds) as peer:
            yield peer

    def _refused(self, wanted: ClipWanted, manifest: Manifest | None) -> Refused | None:
        """What to say where there is no such clip, or the link may not carry it now."""
        if manifest is None:
            return Refused(
                reason=_("no clip {clip_id} here; it may have been overwritten").format(clip_id=wanted.clip_id)
            )
        barrier = self._budget.barrier(wanted.priority)
        if barrier is None:
            return None
        reason = _("clip {clip_id} may not use this link now: {reason}").format(clip_id=wanted.clip_id, reason=barrier)
        after_seconds = self._budget.wait_seconds(wanted.priority)
        return Refused(
            reason=reason, retryable=True, after_seconds=METERED_SECONDS if after_seconds is None else after_seconds
        )


def _refusal(error: VigieError) -> Refused:
    return Refused(reason=str(error)[:300], retryable=error.retryable)
