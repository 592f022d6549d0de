"""The clips that people want here: a bounded number of pulls at a time, each wish once, kept over restarts."""

import asyncio
import sqlite3
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeVar

import structlog

from vigie_hub.database import iso
from vigie_hub.video.offering import AwayError
from vigie_hub.video.pull.puller import ArchivedClip, Puller
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import CommandError, DigestError, StoreError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import ClipPriority

T = TypeVar("T")
WAITING_MAX: Final = 1_000
FAILED_MAX: Final = 1_000
"""Failures that are remembered, the newest; each can be asked for again."""
SWEEP_SECONDS: Final = 3600.0
STRAY_SECONDS: Final = 86_400.0
"""How long what is unfinished and wanted by nobody stays: it saves a pull that is soon asked for again."""
Tell = Callable[[Literal["clips"]], None]
"""Hears when a clip's pull begins, fails, or is done."""
_RANKS: Final[dict[ClipPriority, int]] = {"clip": 0, "evidence": 1, "bulk": 2}
_log = structlog.get_logger(__name__)

_WANTED = "SELECT agent_id, bytes, sha256 FROM clips WHERE clip_id = ?"
_ARCHIVED = """
INSERT INTO archived_clips (clip_id, sha256, bytes, pulled_at, pull_seconds) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (clip_id) DO NOTHING
"""
_ALTERED = "INSERT INTO audit (at, user, action, target) VALUES (?, 'hub', 'clip_digest_mismatch', ?)"
_ASKED = """
INSERT INTO pulls (clip_id, priority, asked_at) VALUES (?, ?, ?)
ON CONFLICT (clip_id) DO UPDATE SET priority = excluded.priority, failed_at = NULL, detail = ''
"""
_FAILED = "UPDATE pulls SET failed_at = ?, detail = ? WHERE clip_id = ?"
_FORGET_OLD = """
DELETE FROM pulls WHERE failed_at IS NOT NULL AND clip_id NOT IN (
    SELECT clip_id FROM pulls WHERE failed_at IS NOT NULL ORDER BY failed_at DESC LIMIT ?
)
"""
_DONE = "DELETE FROM pulls WHERE clip_id = ?"
_KNOWN = "SELECT clip_id, priority, failed_at, detail FROM pulls ORDER BY asked_at, clip_id"
_DIGESTS = "SELECT clips.sha256 FROM pulls JOIN clips USING (clip_id)"


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
    """Why it failed, or waits."""
    priority: ClipPriority = "clip"


class PullQueue:
    """Takes wishes at once and fulfils them in `run`, `pulls_at_once` at a time: urgent ones first, then the oldest.

    A wish is durable before `request` returns; it ends with the clip, or with a failure that says why.
    """

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
        self._waiting: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._count = 0
        self._active: dict[str, PullState] = {}
        self._away: defaultdict[str, set[str]] = defaultdict(set)
        """Pulls that wait for their agent to come back."""
        self._failed: OrderedDict[str, PullState] = OrderedDict()

    async def request(self, clip_id: str, priority: ClipPriority = "clip") -> None:
        """Queue the pull unless it is queued or running; one that waits is raised, one that failed is tried again."""
        if (known := self._active.get(clip_id)) is not None:
            if _RANKS[priority] < _RANKS[known.priority]:
                await self._raise(clip_id, known, priority)
            return
        self._failed.pop(clip_id, None)
        if len(self._active) >= WAITING_MAX:
            reason = _("{count} pulls are waiting already; try again later").format(count=WAITING_MAX)
            self._remember(clip_id, PullState("failed", priority=priority, detail=reason))
            return
        self._active[clip_id] = PullState("queued", priority=priority)
        await self._note(clip_id, priority)
        self._put(clip_id)

    def state(self, clip_id: str) -> PullState | None:
        """What became of a request; None where there was none, or where table `archived_clips` has the clip."""
        return self._active.get(clip_id) or self._failed.get(clip_id)

    def alive(self, agent_id: str) -> None:
        """An agent gave a sign of life: what waits for it goes on."""
        self._puller.alive(agent_id)
        for clip_id in self._away.pop(agent_id, ()):
            self._put(clip_id)

    async def run(self) -> None:
        """Pull; cancelling leaves unfinished pulls to the next run, and what they have is reused."""
        await self._recall()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sweep())
            for _number in range(self._pulls_at_once):
                group.create_task(self._work())

    async def _raise(self, clip_id: str, known: PullState, priority: ClipPriority) -> None:
        """Somebody waits for it now. One that runs goes on as it is, and is urgent when it must begin again."""
        known.priority = priority
        await self._note(clip_id, priority)
        if known.state == "queued" and not any(clip_id in waiting for waiting in self._away.values()):
            self._put(clip_id)

    async def _note(self, clip_id: str, priority: ClipPriority) -> None:
        asked = (clip_id, priority, iso(self._clock.now()))
        await self._database.write(lambda connection: connection.execute(_ASKED, asked).rowcount)

    async def _recall(self) -> None:
        """What was wanted when the hub stopped."""
        rows = await self._database.read(lambda connection: connection.execute(_KNOWN).fetchall())
        for clip_id, priority, failed_at, detail in rows:
            if clip_id in self._active:
                continue
            if failed_at is None:
                self._active[clip_id] = PullState("queued", priority=priority)
                self._put(clip_id)
            else:
                self._remember(clip_id, PullState("failed", priority=priority, detail=detail))

    def _put(self, clip_id: str) -> None:
        self._count += 1
        self._waiting.put_nowait((_RANKS[self._active[clip_id].priority], self._count, clip_id))

    async def _work(self) -> None:
        while True:
            rank, _number, clip_id = await self._waiting.get()
            state = self._active.get(clip_id)
            if state is None or state.state != "queued" or rank != _RANKS[state.priority]:
                continue  # it was raised: its other place in the queue counts
            try:
                await self._pull(clip_id, state)
                self._active.pop(clip_id, None)
            except AwayError as error:
                _log.info("pull_waits_for_agent", clip_id=clip_id)
                state.state, state.detail = "queued", str(error)
            except VigieError as error:
                _log.warning("pull_failed", clip_id=clip_id, reason=str(error))
                await self._fail(clip_id, str(error))
            except Exception as error:  # one pull must not end the others
                await asyncio.to_thread(_log.error, "pull_failed", clip_id=clip_id, exc_info=error)
                await self._fail(clip_id, _("a fault in the hub; its log says more"))
            finally:
                self._tell("clips")

    async def _pull(self, clip_id: str, state: PullState) -> None:
        wanted = await self._database.read(lambda connection: connection.execute(_WANTED, (clip_id,)).fetchone())
        if wanted is None:
            raise CommandError(_("the hub knows no clip {clip_id}").format(clip_id=clip_id))
        agent_id, clip_bytes, sha256 = wanted
        began = self._clock.monotonic_seconds()
        state.state, state.detail = "pulling", ""
        self._tell("clips")

        def progressed(verified_bytes: int) -> None:
            state.bytes = verified_bytes
            state.seconds = self._clock.monotonic_seconds() - began

        self._away[agent_id].discard(clip_id)
        try:
            await archive_clip(
                self._database,
                self._puller.pull(agent_id, clip_id, clip_bytes, sha256, progressed, priority=state.priority),
                f"{agent_id}/{clip_id}",
                self._clock,
            )
        except AwayError:
            self._away[agent_id].add(clip_id)
            raise

    async def _fail(self, clip_id: str, detail: str) -> None:
        state = self._active.pop(clip_id)
        state.state, state.detail = "failed", detail
        self._remember(clip_id, state)
        at = iso(self._clock.now())

        def note(connection: sqlite3.Connection) -> None:
            connection.execute(_FAILED, (at, detail, clip_id))
            connection.execute(_FORGET_OLD, (FAILED_MAX,))

        await self._database.write(note)

    def _remember(self, clip_id: str, state: PullState) -> None:
        self._failed[clip_id] = state
        while len(self._failed) > FAILED_MAX:
            self._failed.popitem(last=False)

    async def _sweep(self) -> None:
        """Remove now and then what is unfinished and wanted by nobody."""
        while True:
            rows = await self._database.read(lambda connection: connection.execute(_DIGESTS).fetchall())
            try:
                swept = await asyncio.to_thread(
                    self._puller.archive.sweep, {row[0] for row in rows}, STRAY_SECONDS, self._clock.now().timestamp()
                )
                if swept:
                    _log.info("stray_parts_removed", count=swept)
            except StoreError as error:
                _log.warning("stray_parts_stay", reason=str(error))
            await asyncio.sleep(SWEEP_SECONDS)


async def archive_clip(
    database: Database, pulling: Coroutine[Any, Any, ArchivedClip], target: str, clock: Clock
) -> ArchivedClip:
    """Await a pull and record what came of it: the clip, or that its bytes were others (then raises DigestError)."""
    try:
        clip = await pulling
    except DigestError:
        at = iso(clock.now())
        await database.write(lambda connection: connection.execute(_ALTERED, (at, target)).rowcount)
        raise
    await database.write(lambda connection: _record(connection, clip))
    _log.info(
        "clip_archived",
        clip=target,
        bytes=clip.bytes,
        seconds=clip.pull_seconds,
        roads=list(clip.roads),
        received_bytes=clip.received_bytes,
    )
    return clip


def _record(connection: sqlite3.Connection, clip: ArchivedClip) -> None:
    row = (clip.clip_id, clip.sha256, clip.bytes, iso(clip.pulled_at), clip.pull_seconds)
    connection.execute(_ARCHIVED, row)
    connection.execute(_DONE, (clip.clip_id,))
