"""Shows live video and clips to hubs that ask: one connection each, kept warm for a while after it was used."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.peer import MediaPeer
from vigie_agent.video.media.session import MediaSession, OpenSource
from vigie_shared.commands import Refused
from vigie_shared.errors import VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServer
from vigie_shared.signaling import Answer, MediaWanted, Offer

SESSIONS_MAX: Final = 8
"""Connections at once, idle ones included: the hub needs one for each camera that is watched at the same time."""
METERED_SECONDS: Final = 600.0
_log = structlog.get_logger(__name__)

Reply = Callable[[Answer | Refused], Awaitable[None]]


class MediaDesk:
    """One per process: it outlives the connection to the hub."""

    def __init__(
        self,
        open_source: OpenSource,
        budget: LinkBudget,
        light: Light,
        *,
        ice_servers: tuple[IceServer, ...] = (),
        sessions_max: int = SESSIONS_MAX,
    ) -> None:
        self._open_source = open_source
        self._budget = budget
        self._light = light
        self._ice_servers = ice_servers
        self._sessions_max = sessions_max
        self.session_count = 0
        """Connections that are open now."""

    async def serve(self, offer: Offer, wanted: MediaWanted, reply: Reply) -> None:
        """One session, from the answer on; raises TransferError where it breaks off."""
        if (refused := self._refused()) is not None:
            await reply(refused)
            return
        self.session_count += 1
        try:
            async with MediaPeer((*self._ice_servers, *offer.ice_servers)) as peer:
                if await self._answered(offer, peer, reply):
                    _log.info("media_opened", session_id=offer.session_id, ticket_id=wanted.ticket_id)
                    session = MediaSession(peer, self._open_source, self._budget, self._light, offer.session_id)
                    await session.run(wanted.first)
                    _log.info("media_closed", session_id=offer.session_id)
        finally:
            self.session_count -= 1

    async def _answered(self, offer: Offer, peer: MediaPeer, reply: Reply) -> bool:
        try:
            answer = await peer.answer(offer.sdp)
        except VigieError as error:
            await reply(Refused(reason=str(error)[:300], retryable=error.retryable))
            return False
        await reply(Answer(sdp=answer))
        return True

    def _refused(self) -> Refused | None:
        if self.session_count >= self._sessions_max:
            reason = _("{count} video sessions are open; try again later").format(count=self.session_count)
            return Refused(reason=reason, retryable=True)
        barrier = self._budget.barrier("live")
        if barrier is None:
            return None
        after_seconds = self._budget.wait_seconds("live")
        return Refused(
            reason=_("the link may not carry video now: {reason}").format(reason=barrier),
            retryable=True,
            after_seconds=METERED_SECONDS if after_seconds is None else after_seconds,
        )
