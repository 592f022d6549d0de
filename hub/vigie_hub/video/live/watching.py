"""Who watches what: one relay for each camera that somebody watches, one viewer for each WHEP session."""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

import structlog
from nats.aio.client import Client

from vigie_hub.tickets.desk import Ticket, TicketDesk
from vigie_hub.video.live.agent_media import AgentMedia
from vigie_hub.video.live.relay import Relay
from vigie_hub.video.live.sdp_fragment import SdpFragment
from vigie_hub.video.live.viewer import Viewer
from vigie_hub.video.live.warm import WarmPeers
from vigie_shared.clock import Clock
from vigie_shared.errors import VigieError
from vigie_shared.ice import IceServer, IceServers
from vigie_shared.ids import unique_id
from vigie_shared.media import WARM_SECONDS, First, Live, Play
from vigie_shared.signaling import MediaWanted

STILL_ALLOWED_SECONDS: Final = 5.0
"""How often it is looked whether somebody who watches still may."""
FORESEEN_SECONDS: Final = 5.0
"""How long a pull goes on for somebody who was about to send an offer."""
NOTED_SECONDS: Final = 10.0
"""How often it is noted how much each has seen."""
_H264: Final = re.compile(r"^a=rtpmap:\d+ H264/90000", re.MULTILINE | re.IGNORECASE)
log = structlog.get_logger(__name__)
Hindrance = Literal["stopped", "hub-full", "user-full", "no-h264", "no-such-viewing", "other-ice-session"]


class ViewingError(VigieError):
    """A viewing cannot begin or go on; `hindrance` says why."""

    def __init__(self, hindrance: Hindrance) -> None:
        super().__init__(hindrance)
        self.hindrance: Hindrance = hindrance


@dataclass(frozen=True, slots=True)
class Limits:
    """How many may watch at once."""

    viewers_max: int = 200
    viewers_per_user_max: int = 16

    def check(self, users: list[str], user: str) -> None:
        """Whether `user` may join `users`, who watch already. Raises ViewingError."""
        if len(users) >= self.viewers_max:
            raise ViewingError("hub-full")
        if users.count(user) >= self.viewers_per_user_max:
            raise ViewingError("user-full")


@dataclass(frozen=True, slots=True)
class Watched:
    """A viewing that has begun: its id, the answer to the viewer's offer, and the servers it may use."""

    viewing_id: str
    sdp: str
    etag: str
    ice_servers: tuple[IceServer, ...]


@dataclass(eq=False, slots=True)
class _Viewing:
    viewer: Viewer
    user: str
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Watching:
    """A service: `run` it, then viewers may come."""

    def __init__(
        self,
        client: Client,
        tickets: TicketDesk,
        clock: Clock,
        *,
        limits: Limits | None = None,
        ice: IceServers | None = None,
        warm_seconds: float = WARM_SECONDS,
    ) -> None:
        """`ice`: the servers that each connection may use."""
        self._client = client
        self._tickets = tickets
        self._clock = clock
        self._limits = limits or Limits()
        self._ice = ice or IceServers()
        self._warm_seconds = warm_seconds
        self._relays: dict[tuple[str, str], Relay] = {}
        self._viewings: dict[str, _Viewing] = {}
        self._group: asyncio.TaskGroup | None = None
        self._peers: WarmPeers | None = None
        self.elsewhere: Callable[[], list[str]] = list
        """Users who look by other means; they count among those who may at once."""
        self.ready = asyncio.Event()
        """Set while viewers may come."""

    @property
    def users(self) -> list[str]:
        """Who watches, once for each view."""
        return [viewing.user for viewing in self._viewings.values()]

    @property
    def viewer_count(self) -> int:
        """Views that are open, or about to be."""
        return len(self._viewings)

    @property
    def idle_count(self) -> int:
        """Connections to agents that are kept warm."""
        return self._peers.idle_count if self._peers is not None else 0

    async def run(self) -> None:
        """Serve until cancelled; that ends all viewings."""
        await self._tickets.close_forgotten()
        try:
            async with asyncio.TaskGroup() as self._group:
                self._peers = WarmPeers(self._connection_to, self._group, warm_seconds=self._warm_seconds)
                self.ready.set()
                while True:
                    await asyncio.sleep(NOTED_SECONDS)
                    await note_seen(
                        self._tickets, {one: each.viewer.seconds_seen for one, each in self._viewings.items()}
                    )
        finally:
            self.ready.clear()
            self._group = self._peers = None

    def ice_servers(self, who: str) -> tuple[IceServer, ...]:
        """STUN and TURN servers, with credentials of `who`, an agent's or a viewing's id."""
        return self._ice.given_to(who, self._clock.now())

    def foresee(self, ticket: Ticket, agent_id: str, first: First) -> None:
        """An offer with this ticket follows at once: pull meanwhile. Nobody sees anything before the ticket counts."""
        if self._group is not None and len(self._viewings) < self._limits.viewers_max:
            self._relay(agent_id, first, ticket).foresee(FORESEEN_SECONDS)

    async def watch(
        self, ticket: Ticket, agent_id: str, first: First, offer_sdp: str, may_watch: Callable[[], bool]
    ) -> Watched:
        """Begin a viewing; `may_watch` is asked now and then whether it may go on. Raises ViewingError, WireError."""
        self._admit(ticket.user)
        if not _H264.search(offer_sdp):
            raise ViewingError("no-h264")
        assert self._group is not None
        viewing_id = unique_id(self._clock.now())
        viewer = Viewer(viewing_id, self.ice_servers(viewing_id), is_steered=isinstance(first, Play))
        viewing = _Viewing(viewer, ticket.user)
        self._viewings[viewing_id] = viewing
        relay = self._relay(agent_id, first, ticket)
        relay.expect(viewing.viewer)
        try:
            answer = await viewing.viewer.answer(offer_sdp)
        except BaseException:
            relay.leave(viewing.viewer)
            del self._viewings[viewing_id]
            await viewing.viewer.close()
            raise
        self._group.create_task(self._accompany(viewing, relay, ticket, may_watch))
        return Watched(viewing_id, answer, _etag(viewing.viewer), self.ice_servers(viewing_id))

    async def cool(self) -> None:
        """Close connections to agents that nobody uses, before their minute is over."""
        if self._peers is not None:
            await self._peers.cool()

    async def trickle(self, viewing_id: str, user: str, fragment: SdpFragment) -> None:
        """Candidates that the viewer found later. Raises ViewingError, WireError."""
        viewer = self._viewing(viewing_id, user).viewer
        if fragment.ice_ufrag != viewer.ice_ufrag:
            raise ViewingError("other-ice-session")
        await viewer.trickle(fragment)

    def etag(self, viewing_id: str, user: str) -> str:
        """Of the viewing's ICE session. Raises ViewingError."""
        return _etag(self._viewing(viewing_id, user).viewer)

    def end(self, viewing_id: str, user: str) -> None:
        """The viewer has seen enough. Raises ViewingError."""
        self._viewing(viewing_id, user).gone.set()

    def _viewing(self, viewing_id: str, user: str) -> _Viewing:
        viewing = self._viewings.get(viewing_id)
        if viewing is None or viewing.user != user:
            raise ViewingError("no-such-viewing")
        return viewing

    def _admit(self, user: str) -> None:
        if self._group is None:
            raise ViewingError("stopped")
        self._limits.check([*self.users, *self.elsewhere()], user)

    def _relay(self, agent_id: str, first: First, ticket: Ticket) -> Relay:
        """The one that shows it already, or a new one. Playback is steered, so each viewer has their own."""
        key = (agent_id, first.model_dump_json() if isinstance(first, Live) else ticket.ticket_id)
        relay = self._relays.get(key)
        if relay is None or relay.is_over:
            assert self._group is not None
            assert self._peers is not None
            wanted = MediaWanted(ticket_id=ticket.ticket_id, purpose=ticket.purpose)
            relay = self._relays[key] = Relay(agent_id, first, wanted, self._peers)
            self._group.create_task(self._serve(key, relay))
        return relay

    async def _serve(self, key: tuple[str, str], relay: Relay) -> None:
        await asyncio.sleep(0)  # whoever asked is expected by then
        try:
            await relay.run()
        except Exception as error:  # one relay must not end the others
            await asyncio.to_thread(log.error, "relay_failed", agent_id=key[0], exc_info=error)
        finally:
            if self._relays.get(key) is relay:
                del self._relays[key]

    async def _accompany(self, viewing: _Viewing, relay: Relay, ticket: Ticket, may_watch: Callable[[], bool]) -> None:
        """From the answer to the end, whoever ends it."""
        viewer, has_begun = viewing.viewer, False
        viewer.on_gone = viewing.gone.set
        if not isinstance(relay.first, Live):
            viewer.on_command = relay.steer
        try:
            if await viewer.ready():
                relay.join(viewer)
                await self._tickets.began(ticket, viewer.viewer_id)
                has_begun = True
                while may_watch() and not await is_set(viewing.gone, STILL_ALLOWED_SECONDS):
                    pass
        except VigieError as error:
            log.error("viewing_failed", viewing_id=viewer.viewer_id, reason=str(error))
        finally:
            relay.leave(viewer)
            self._viewings.pop(viewer.viewer_id, None)
            await asyncio.shield(self._end(viewer, ticket if has_begun else None))

    async def _end(self, viewer: Viewer, ticket: Ticket | None) -> None:
        if ticket is not None:
            await self._tickets.ended(ticket, viewer.viewer_id, viewer.seconds_seen)
        await viewer.close()

    def _connection_to(self, agent_id: str) -> AgentMedia:
        return AgentMedia(self._client, agent_id, self._clock, self.ice_servers(agent_id))


def _etag(viewer: Viewer) -> str:
    return f'"{viewer.ice_ufrag}"'


async def note_seen(tickets: TicketDesk, seconds: dict[str, float]) -> None:
    """How long each viewing has seen something by now; a hub that is killed can say so afterwards."""
    try:
        if seconds:
            await tickets.go_on(seconds)
    except VigieError as error:  # a full disk ends no view
        log.error("viewings_not_noted", reason=str(error))


async def is_set(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is, within that time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
