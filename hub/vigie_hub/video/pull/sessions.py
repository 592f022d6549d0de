"""Opens sessions with agents: an offer over signaling, then one road (`vigie_shared.signaling`)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final, Protocol

from nats.aio.client import Client

from vigie_hub.video.offering import OfferRefusedError, ask_agent
from vigie_hub.video.pull.door import Door
from vigie_hub.video.pull.peer import OfferingPeer
from vigie_hub.video.pull.roads import Road
from vigie_hub.video.pull.transfer import RefusedError
from vigie_shared import signaling
from vigie_shared.clock import Clock
from vigie_shared.errors import TransferError
from vigie_shared.ice import IceServers
from vigie_shared.ids import unique_id
from vigie_shared.receipts import Verifier
from vigie_shared.signaling import ClipWanted, Offer
from vigie_shared.transfer import CHANNEL

KeyOf = Callable[[str], Awaitable[Verifier | None]]
"""The key that is trusted as an agent."""


MAKING_SECONDS: Final = 180.0
"""How long an agent may take to make a sub-stream before it answers."""


class RoadError(TransferError):
    """The road does not open; the other one may."""


class Peer(Protocol):
    """One end of a road; waits end with TransferError after their time, or as soon as the agent is gone."""

    @property
    def get_bytes_max(self) -> int:
        """What one message may ask for."""
        ...

    @property
    def rounds_ahead(self) -> float:
        """How many round trips' worth is asked for ahead."""
        ...

    def send(self, message: str) -> None:
        """Queue a message."""
        ...

    async def receive(self, seconds: float) -> list[str | bytes]:
        """What came, one message at the least."""
        ...

    async def hang_up(self, seconds: float) -> None:
        """Let what was sent arrive."""
        ...


class Sessions:
    """Offers, and waits for the agent, no longer than `answer_seconds` and `open_seconds`."""

    def __init__(
        self,
        connection: Client,
        clock: Clock,
        *,
        answer_seconds: float,
        open_seconds: float,
        ice: IceServers | None = None,
        door: Door | None = None,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._answer_seconds = answer_seconds
        self._open_seconds = open_seconds
        self._ice = ice or IceServers()
        self._door = door

    @property
    def has_door(self) -> bool:
        """Whether agents can come by TCP."""
        return self._door is not None

    def opened(
        self, road: Road, agent_id: str, wanted: ClipWanted, key: Verifier | None
    ) -> contextlib.AbstractAsyncContextManager[Peer]:
        """A session with the agent. Raises AwayError, LinkError, RefusedError, RoadError."""
        session_id = unique_id(self._clock.now())
        if road == "tcp" and self._door is not None and key is not None:
            return self._tcp(self._door, session_id, agent_id, wanted, key)
        return self._channel(session_id, agent_id, wanted)

    @contextlib.asynccontextmanager
    async def _channel(self, session_id: str, agent_id: str, wanted: ClipWanted) -> AsyncIterator[Peer]:
        servers = self._ice.given_to(agent_id, self._clock.now())
        async with OfferingPeer(CHANNEL, servers) as peer:
            offer = Offer(session_id=session_id, sdp=await peer.offer(), wanted=wanted, ice_servers=servers)
            await peer.accept(await self._answer(agent_id, offer), self._open_seconds)
            yield peer

    @contextlib.asynccontextmanager
    async def _tcp(
        self, door: Door, session_id: str, agent_id: str, wanted: ClipWanted, key: Verifier
    ) -> AsyncIterator[Peer]:
        async with door.awaiting(session_id, agent_id, key) as awaited:
            where = signaling.Door(secret=awaited.secret, url=door.url)
            by_tcp = wanted.model_copy(update={"road": "tcp", "door": where})
            offer = Offer(session_id=session_id, sdp="", wanted=by_tcp)
            answering = asyncio.create_task(self._answer(agent_id, offer))
            try:
                await awaited.peer.opened(self._open_seconds, answering)
            except (RefusedError, TransferError) as error:
                if isinstance(error, RefusedError) and error.after_seconds is not None:
                    raise
                raise RoadError(str(error)) from error
            else:
                yield awaited.peer
            finally:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)

    async def _answer(self, agent_id: str, offer: Offer) -> str:
        wanted, seconds = offer.wanted, self._answer_seconds
        if isinstance(wanted, ClipWanted) and wanted.quality == "sub":
            seconds = max(seconds, MAKING_SECONDS)
        try:
            return (await ask_agent(self._connection, agent_id, offer, seconds)).sdp
        except OfferRefusedError as refused:
            raise RefusedError(
                str(refused), retryable=refused.retryable, after_seconds=refused.after_seconds
            ) from refused
