"""The stills of one camera, for all who look: the agent is asked once, and everybody gets the newest picture.

There is no queue anywhere: a picture that nobody fetched before the next one came is gone.
"""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

import structlog
from nats.aio.client import Client

from vigie_hub.video.stills.asking import CheckedStill, ask_still
from vigie_shared.errors import VigieError, WireError
from vigie_shared.media import MediaRefused
from vigie_shared.stills import StillWish
from vigie_shared.stopping import ended

PAUSE_SECONDS: Final = 0.5
"""Between two questions at least, however fast an agent answers."""
RETRY_SECONDS: Final = 0.5
RETRY_SECONDS_MAX: Final = 10.0
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class News:
    """The newest picture, or why there is none; each has a higher number than the one before."""

    number: int
    told: CheckedStill | MediaRefused


class StillsRelay:
    """One camera; runs while somebody looks."""

    def __init__(self, client: Client, agent_id: str, camera_id: str, ticket_id: str) -> None:
        self._client = client
        self._agent_id = agent_id
        self._camera_id = camera_id
        self._ticket_id: str | None = ticket_id
        self._loop = asyncio.get_running_loop()
        self._viewers: set[Hashable] = set()
        self._received: int | None = None
        self._has_lied = False
        self._told = asyncio.Event()
        self._left = asyncio.Event()
        self.newest: News | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody may join any more."""
        return self._left.is_set()

    def join(self, viewer: Hashable) -> None:
        """Somebody looks."""
        self._viewers.add(viewer)

    def leave(self, viewer: Hashable) -> None:
        """They do no more."""
        self._viewers.discard(viewer)
        if not self._viewers:
            self._left.set()

    async def after(self, number: int) -> News:
        """The newest that has a higher number than what is known already."""
        while self.newest is None or self.newest.number <= number:
            await self._told.wait()
        return self.newest

    async def run(self) -> None:
        """Ask for one picture after the other, until the last viewer has left."""
        asking = asyncio.create_task(self._ask_on())
        left = asyncio.create_task(self._left.wait())
        try:
            await asyncio.wait((asking, left), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                asking.result()
        finally:
            self._left.set()
            left.cancel()
            await ended(asking)

    async def _ask_on(self) -> None:
        failures = 0
        while not self._left.is_set():
            begun_seconds = self._loop.time()
            try:
                checked = await ask_still(self._client, self._agent_id, self._wish())
            except VigieError as error:
                self._complain(error)
                await asyncio.sleep(min(RETRY_SECONDS * 2**failures, RETRY_SECONDS_MAX))
                failures = min(failures + 1, 8)
                continue
            failures, self._received = 0, checked.still.head.number
            self._tell(checked)
            await asyncio.sleep(max(0.0, begun_seconds + PAUSE_SECONDS - self._loop.time()))

    def _wish(self) -> StillWish:
        ticket_id, self._ticket_id = self._ticket_id, None
        return StillWish(
            camera_id=self._camera_id, viewers=len(self._viewers), received=self._received, ticket_id=ticket_id
        )

    def _complain(self, error: VigieError) -> None:
        if isinstance(error, WireError) and not self._has_lied:
            self._has_lied = True
            log.warning(
                "still_refused", agent_id=self._agent_id, camera_id=self._camera_id, reason=str(error.__cause__)
            )
        self._tell(MediaRefused(reason=str(error)[:300], retryable=True))

    def _tell(self, told: CheckedStill | MediaRefused) -> None:
        self.newest = News(1 if self.newest is None else self.newest.number + 1, told)
        self._told.set()
        self._told = asyncio.Event()
