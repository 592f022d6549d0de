"""Who looks by stills: one relay for each camera, one viewing for each ticket, with the rights of a WHEP session."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from nats.aio.client import Client

from vigie_hub.tickets.desk import Ticket, TicketDesk
from vigie_hub.video.live.watching import NOTED_SECONDS, STILL_ALLOWED_SECONDS, Limits, ViewingError, is_set, note_seen
from vigie_hub.video.stills.asking import CheckedStill, forget_stills
from vigie_hub.video.stills.relay import News, StillsRelay
from vigie_shared.clock import Clock
from vigie_shared.errors import VigieError
from vigie_shared.ids import unique_id

WAIT_SECONDS: Final = 10.0
"""How long a question for news is kept waiting."""
LEASE_SECONDS: Final = 20.0
"""Who asks for nothing for so long has gone."""
log = structlog.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Look:
    viewing_id: str
    user: str
    relay: StillsRelay
    asked_at_seconds: float
    waiting: int = 0
    first_at_seconds: float | None = None
    last_at_seconds: float = 0.0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def seconds_seen(self) -> float:
        """From the first picture given to the last."""
        return 0.0 if self.first_at_seconds is None else self.last_at_seconds - self.first_at_seconds


class Looking:
    """A service: `run` it, then viewers may come."""

    def __init__(self, client: Client, tickets: TicketDesk, clock: Clock, limits: Limits | None = None) -> None:
        self._client = client
        self._tickets = tickets
        self._clock = clock
        self._limits = limits or Limits()
        self._relays: dict[tuple[str, str], StillsRelay] = {}
        self._looks: dict[str, _Look] = {}
        self._group: asyncio.TaskGroup | None = None
        self.elsewhere: Callable[[], list[str]] = list
        """Users who look by other means; they count among those who may at once."""
        self.ready = asyncio.Event()
        """Set while viewers may come."""

    @property
    def users(self) -> list[str]:
        """Who looks, once for each view."""
        return [look.user for look in self._looks.values()]

    @property
    def viewer_count(self) -> int:
        """Views that are open."""
        return len(self._looks)

    async def run(self) -> None:
        """Serve until cancelled; that ends all viewings."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self.ready.set()
                while True:
                    await asyncio.sleep(NOTED_SECONDS)
                    await note_seen(self._tickets, {one: look.seconds_seen for one, look in self._looks.items()})
        finally:
            self.ready.clear()
            self._group = None

    def look(self, ticket: Ticket, agent_id: str, camera_id: str, may_look: Callable[[], bool]) -> str:
        """Begin a viewing; its id. `may_look` is asked now and then whether it may go on. Raises ViewingError."""
        self._admit(ticket.user)
        assert self._group is not None
        viewing_id = unique_id(self._clock.now())
        relay = self._relay(agent_id, camera_id, ticket)
        look = _Look(viewing_id, ticket.user, relay, asyncio.get_running_loop().time())
        self._looks[viewing_id] = look
        relay.join(look)
        self._group.create_task(self._accompany(look, ticket, may_look))
        return viewing_id

    async def news(self, viewing_id: str, user: str, after: int) -> News | None:
        """What is newer than `after`, as soon as there is something; None after a while. Raises ViewingError."""
        look, loop = self._look(viewing_id, user), asyncio.get_running_loop()
        look.waiting += 1
        coming, gone = asyncio.create_task(look.relay.after(after)), asyncio.create_task(look.gone.wait())
        try:
            await asyncio.wait((coming, gone), timeout=WAIT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            coming.cancel()
            gone.cancel()
            look.waiting -= 1
            look.asked_at_seconds = loop.time()
        if look.gone.is_set():
            raise ViewingError("no-such-viewing")
        if not coming.done():
            return None
        news = coming.result()
        if isinstance(news.told, CheckedStill):
            look.last_at_seconds = loop.time()
            if look.first_at_seconds is None:
                look.first_at_seconds = look.last_at_seconds
        return news

    def end(self, viewing_id: str, user: str) -> None:
        """The viewer has seen enough. Raises ViewingError."""
        self._look(viewing_id, user).gone.set()

    def _look(self, viewing_id: str, user: str) -> _Look:
        look = self._looks.get(viewing_id)
        if look is None or look.user != user:
            raise ViewingError("no-such-viewing")
        return look

    def _admit(self, user: str) -> None:
        if self._group is None:
            raise ViewingError("stopped")
        self._limits.check([*self.users, *self.elsewhere()], user)

    def _relay(self, agent_id: str, camera_id: str, ticket: Ticket) -> StillsRelay:
        key = (agent_id, camera_id)
        relay = self._relays.get(key)
        if relay is None or relay.is_over:
            assert self._group is not None
            relay = self._relays[key] = StillsRelay(self._client, agent_id, camera_id, ticket.ticket_id)
            self._group.create_task(self._serve(key, relay))
        return relay

    async def _serve(self, key: tuple[str, str], relay: StillsRelay) -> None:
        try:
            await relay.run()
        except Exception as error:  # one relay must not end the others
            await asyncio.to_thread(log.error, "stills_relay_failed", agent_id=key[0], exc_info=error)
        finally:
            if self._relays.get(key) is relay:  # else somebody came in the meantime, and the agent goes on
                del self._relays[key]
                await asyncio.shield(forget_stills(self._client, *key))

    async def _accompany(self, look: _Look, ticket: Ticket, may_look: Callable[[], bool]) -> None:
        has_begun = False
        try:
            await self._tickets.began(ticket, look.viewing_id)
            has_begun = True
            while may_look() and not _is_late(look) and not await is_set(look.gone, STILL_ALLOWED_SECONDS):
                pass
        except VigieError as error:
            log.error("viewing_failed", viewing_id=look.viewing_id, reason=str(error))
        finally:
            look.relay.leave(look)
            self._looks.pop(look.viewing_id, None)
            look.gone.set()
            if has_begun:
                await asyncio.shield(self._tickets.ended(ticket, look.viewing_id, look.seconds_seen))


def _is_late(look: _Look) -> bool:
    return not look.waiting and asyncio.get_running_loop().time() - look.asked_at_seconds > LEASE_SECONDS
