"""The clips that people want here: a bounded number of pulls at a time, each wish once."""

import asyncio
import sqlite3
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeVar

import structlog

from vigie_hub.database import iso
from vigie_hub.video.puller import ArchivedClip, Puller
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import CommandError, DigestError, VigieError
from vigie_shared.i18n import gettext as _

T = TypeVar("T")
WAITING_MAX: Final = 1_000
FAILED_MAX: Final = 1_000
"""Failures that are remembered, the newest; a restart forgets them all, and each can be asked for again."""
Tell = Callable[[Literal["clips"]], None]
"""Hears when a clip's pull begins, fails, or is done."""
_log = structlog.get_logger(__name__)

_WANTED = "SELECT agent_id, bytes, sha256 FROM clips WHERE clip_id = ?"
_ARCHIVED = """
INSERT INTO archived_clips (clip_id, sha256, bytes, pulled_at, pull_seconds) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (clip_id) DO NOTHING
"""
_ALTERED = "INSERT INTO audit (at, user, action, target) VALUES (?, 'hub', 'clip_digest_mismatch', ?)"


class Database(Protocol):
    """The read model (`vigie_hub.database.Database`)."""

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Run `change` as one transaction, durable on return."""
        ...

    async def read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Run `question` on a read-only snapshot."""
        ...


@dataclass(slots=True)
class PullState:
    """How far a pull has come."""

    state: Literal["queued", "pulling", "failed"]
    bytes: int = 0
    """Verified so far."""
    seconds: float = 0.0
    """Since it began, at the last progress."""
    detail: str = ""
    """Why it failed."""


class PullQueue:
    """Takes wishes at once and fulfils them in `run`, `pulls_at_once` at a time, the oldest first."""

    def __init__(
        self,
        database: Database,
        puller: Puller,
        *,
        clock: Clock | None = None,
        pulls_at_once: int = 4,
        tell: Tell | None = None,
    ) -> None:
        self._tell = tell or (lambda _topic: None)
        self._database = database
        self._puller = puller
        self._clock = clock or SystemClock()
        self._pulls_at_once = pulls_at_once
        self._waiting: asyncio.Queue[str] = asyncio.Queue(WAITING_MAX)
        self._active: dict[str, PullState] = {}
        self._failed: OrderedDict[str, PullState] = OrderedDict()

    def request(self, clip_id: str) -> None:
        """Queue the pull unless it is queued or running; one that failed is tried again."""
        if clip_id in self._active:
            return
        self._failed.pop(clip_id, None)
        if self._waiting.full():
            reason = _("{count} pulls are waiting already; try again later").format(count=WAITING_MAX)
            self._fail(clip_id, PullState("failed", detail=reason))
            return
        self._active[clip_id] = PullState("queued")
        self._waiting.put_nowait(clip_id)

    def state(self, clip_id: str) -> PullState | None:
        """What became of a request; None where there was none, or where table `archived_clips` has the clip."""
        return self._active.get(clip_id) or self._failed.get(clip_id)

    async def run(self) -> None:
        """Pull; cancelling leaves unfinished pulls to be asked for again, and what they have is reused."""
        async with asyncio.TaskGroup() as group:
            for _number in range(self._pulls_at_once):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            clip_id = await self._waiting.get()
            state = self._active[clip_id]
            try:
                await self._pull(clip_id, state)
            except VigieError as error:
                _log.warning("pull_failed", clip_id=clip_id, reason=str(error))
                self._fail(clip_id, PullState("failed", state.bytes, state.seconds, str(error)))
            except Exception as error:  # one pull must not end the others
                await asyncio.to_thread(_log.error, "pull_failed", clip_id=clip_id, exc_info=error)
                reason = _("a fault in the hub; its log says more")
                self._fail(clip_id, PullState("failed", state.bytes, state.seconds, reason))
            finally:
                self._active.pop(clip_id, None)
                self._tell("clips")

    async def _pull(self, clip_id: str, state: PullState) -> None:
        wanted = await self._database.read(lambda connection: connection.execute(_WANTED, (clip_id,)).fetchone())
        if wanted is None:
            raise CommandError(_("the hub knows no clip {clip_id}").format(clip_id=clip_id))
        agent_id, clip_bytes, sha256 = wanted
        began = self._clock.monotonic_seconds()
        state.state = "pulling"
        self._tell("clips")

        def progressed(verified_bytes: int) -> None:
            state.bytes = verified_bytes
            state.seconds = self._clock.monotonic_seconds() - began

        try:
            clip = await self._puller.pull(agent_id, clip_id, clip_bytes, sha256, progressed)
        except DigestError:
            target, at = f"{agent_id}/{clip_id}", iso(self._clock.now())
            await self._database.write(lambda connection: connection.execute(_ALTERED, (at, target)).rowcount)
            raise
        await self._database.write(lambda connection: _record(connection, clip))
        _log.info("clip_archived", clip_id=clip_id, agent_id=agent_id, bytes=clip.bytes, seconds=clip.pull_seconds)

    def _fail(self, clip_id: str, state: PullState) -> None:
        self._failed[clip_id] = state
        while len(self._failed) > FAILED_MAX:
            self._failed.popitem(last=False)


def _record(connection: sqlite3.Connection, clip: ArchivedClip) -> None:
    row = (clip.clip_id, clip.sha256, clip.bytes, iso(clip.pulled_at), clip.pull_seconds)
    connection.execute(_ARCHIVED, row)
