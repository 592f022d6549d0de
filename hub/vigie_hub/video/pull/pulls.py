"""The clips that people want here: a bounded number of pulls at a time, each wish once, kept over restarts."""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from typing import Final, Literal

import structlog

from vigie_hub.video.offering import AwayError
from vigie_hub.video.pull.looking import is_left, looked_at
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import PullState, Seen, Watch
from vigie_hub.video.pull.puller import Puller
from vigie_hub.video.pull.transfer import RefusedError
from vigie_hub.video.pull.wishes import (
    ENDED_MAX,
    QUALITIES,
    Database,
    Outcome,
    Wish,
    Wishes,
    archive_clip,
    note_altered,
)
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import CommandError, DigestError, StoreError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.signaling import ClipPriority

WAITING_MAX: Final = 1_000
SWEEP_SECONDS: Final = 3600.0
STRAY_SECONDS: Final = 86_400.0
"""How long what is unfinished and wanted by nobody stays: it saves a pull that is soon asked for again."""
Tell = Callable[[Literal["clips"]], None]
"""Hears when a clip's pull begins, fails, or is done."""
TellPull = Callable[[str], None]
"""Hears of a clip whose pull came further."""
_RANKS: Final[dict[ClipPriority, int]] = {"clip": 0, "evidence": 1, "bulk": 2}
_log = structlog.get_logger(__name__)


class _Rung:
    """What a worker is at; `shut` ends it at once."""

    def __init__(self, quality: Quality) -> None:
        self.quality: Quality = quality
        self.scope = asyncio.timeout(None)
        self.is_over = asyncio.Event()

    def shut(self) -> None:
        """What it has stays."""
        if not self.scope.expired():
            self.scope.reschedule(asyncio.get_running_loop().time())


class PullQueue:
    """Takes wishes at once and fulfils them in `run`, `pulls_at_once` at a time: urgent ones first, then the oldest.

    A wish is durable before `request` returns; it ends with what was wanted, stopped, or with a failure that says why.
    Who wants several qualities of a clip gets the least first, and what came of it counts for the next.
    """

    def __init__(
        self,
        database: Database,
        puller: Puller,
        *,
        clock: Clock | None = None,
        pulls_at_once: int = 4,
        tell: Tell | None = None,
        tell_pull: TellPull | None = None,
    ) -> None:
        self._tell = tell or (lambda _topic: None)
        self._tell_pull = tell_pull or (lambda _clip_id: None)
        self._database = database
        self._puller = puller
        self._clock = clock or SystemClock()
        self._wishes = Wishes(database, self._clock)
        self._pulls_at_once = pulls_at_once
        self._waiting: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._count = 0
        self._places: dict[str, tuple[int, int]] = {}
        """In the queue, of those that wait."""
        self._active: dict[str, PullState] = {}
        self._running: dict[str, _Rung] = {}
        self._away: defaultdict[str, set[str]] = defaultdict(set)
        """Pulls that wait for their agent to come back."""
        self._ended: OrderedDict[str, PullState] = OrderedDict()
        """Without the clip."""

    async def request(self, clip_id: str, priority: ClipPriority = "clip", quality: Quality = "original") -> None:
        """Queue the pull unless it is queued, running or here. One that waits is raised, one that ended goes on.

        A lesser quality than the one under way goes before it.
        """
        if (known := self._active.get(clip_id)) is not None:
            await self._raise(clip_id, known, priority, quality)
            return
        if (rung := self._running.get(clip_id)) is not None:
            await rung.is_over.wait()  # it was stopped just now
        before = self._ended.get(clip_id)
        if before is not None and quality in before.seen.rungs():
            return
        self._ended.pop(clip_id, None)
        state = PullState("queued", priority=priority, wanted=(quality,), seen=before.seen if before else Seen())
        if len(self._active) >= WAITING_MAX:
            state.end("failed", _("{count} pulls are waiting already; try again later").format(count=WAITING_MAX))
            self._remember(clip_id, state)
            return
        self._active[clip_id] = state
        await self._wishes.ask(clip_id, priority, state.wanted)
        if self._active.get(clip_id) is state:  # else it was stopped meanwhile
            self._put(clip_id)
            self._tell_pull(clip_id)

    async def stop(self, clip_id: str) -> bool:
        """Want it no longer; what has come stays for a day, and need not come again. False where nothing was wanted."""
        state = self._active.pop(clip_id, None)
        if state is None:
            return False
        self._places.pop(clip_id, None)
        if (rung := self._running.get(clip_id)) is not None:
            rung.shut()
            await rung.is_over.wait()
        await self._end(clip_id, state, "stopped", "")
        self._tell("clips")
        return True

    def state(self, clip_id: str) -> PullState | None:
        """What became of a request; None where there was none, or where table `archived_clips` has the clip."""
        state = self._active.get(clip_id)
        if state is not None:
            place = self._places.get(clip_id, (0, 0))
            state.ahead = len(self._running) * (place > (0, 0)) + sum(other < place for other in self._places.values())
        return state or self._ended.get(clip_id)

    def alive(self, agent_id: str) -> None:
        """An agent gave a sign of life: what waits for it goes on."""
        self._puller.alive(agent_id)
        for clip_id in self._away.pop(agent_id, ()):
            if clip_id in self._active:
                self._put(clip_id)

    async def run(self) -> None:
        """Pull; cancelling leaves unfinished pulls to the next run, and what they have is reused."""
        ended = await self._recall()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_after(ended))
            for _number in range(self._pulls_at_once):
                group.create_task(self._work())

    async def _raise(self, clip_id: str, known: PullState, priority: ClipPriority, quality: Quality) -> None:
        """More is wanted, or sooner. A rung that runs goes on as it is, unless a lesser one is wanted."""
        most = priority if _RANKS[priority] < _RANKS[known.priority] else known.priority
        wanted = known.wanted
        if quality not in known.seen.rungs():
            wanted = tuple(one for one in QUALITIES if one in (*wanted, quality))
        if (most, wanted) == (known.priority, known.wanted):
            return
        known.priority, known.wanted = most, wanted
        await self._wishes.ask(clip_id, most, wanted)
        if self._active.get(clip_id) is not known:  # it ended meanwhile
            await self.request(clip_id, priority, quality)
        elif (rung := self._running.get(clip_id)) is not None:
            if wanted[0] != rung.quality:
                rung.shut()
        elif known.state == "queued" and not any(clip_id in waiting for waiting in self._away.values()):
            self._put(clip_id)
        self._tell_pull(clip_id)

    async def _recall(self) -> list[Wish]:
        """What was wanted when the hub stopped; returns what had ended."""
        ended = []
        for wish in await self._wishes.all():
            if wish.clip_id in self._active or wish.clip_id in self._ended:
                continue
            state = PullState("queued", priority=wish.priority, wanted=wish.qualities, seen=wish.seen)
            if wish.outcome is None:
                self._active[wish.clip_id] = state
                self._put(wish.clip_id)
            else:
                state.end(wish.outcome, wish.detail)
                self._remember(wish.clip_id, state)
                ended.append(wish)
        return ended

    def _put(self, clip_id: str) -> None:
        self._count += 1
        place = self._places[clip_id] = (_RANKS[self._active[clip_id].priority], self._count)
        self._waiting.put_nowait((*place, clip_id))

    async def _work(self) -> None:
        while True:
            rank, number, clip_id = await self._waiting.get()
            if self._places.get(clip_id) != (rank, number):
                continue  # it was raised: its other place in the queue counts; or nobody wants it any more
            del self._places[clip_id]
            state = self._active[clip_id]
            try:
                await self._fulfil(clip_id, state)
            except AwayError as error:
                _log.info("pull_waits_for_agent", clip_id=clip_id)
                state.state, state.waits, state.detail = "queued", "agent", str(error)
            except VigieError as error:
                _log.warning("pull_failed", clip_id=clip_id, reason=str(error))
                await self._fail(clip_id, state, str(error))
            except Exception as error:  # one pull must not end the others
                await asyncio.to_thread(_log.error, "pull_failed", clip_id=clip_id, exc_info=error)
                await self._fail(clip_id, state, _("a fault in the hub; its log says more"))
            finally:
                self._tell("clips")
                self._tell_pull(clip_id)

    async def _fulfil(self, clip_id: str, state: PullState) -> None:
        """Rung after rung, until nobody wants more."""
        while self._active.get(clip_id) is state:
            quality = state.wanted[0]
            rung = self._running[clip_id] = _Rung(quality)
            try:
                async with rung.scope:
                    await self._pull(clip_id, state, quality)
            except Exception as error:
                if rung.scope.expired():
                    continue
                if not isinstance(error, RefusedError) or error.retryable or quality == "original":
                    raise
                state.refused = (*state.refused, quality)
                if len(state.wanted) == 1:
                    raise
            finally:
                del self._running[clip_id]
                rung.is_over.set()
            state.wanted = tuple(one for one in state.wanted if one != quality)
            if quality == "original":
                self._active.pop(clip_id, None)
                self._ended.pop(clip_id, None)
            elif not state.wanted and self._active.pop(clip_id, None) is not None:
                await self._end(clip_id, state, "partial", "")

    async def _pull(self, clip_id: str, state: PullState, quality: Quality) -> None:
        promise = await self._wishes.promise(clip_id)
        if promise is None:
            raise CommandError(_("the hub knows no clip {clip_id}").format(clip_id=clip_id))
        self._away[promise.agent_id].discard(clip_id)
        state.begin(quality)
        self._tell("clips")
        watch = Watch(state, quality, self._clock.monotonic_seconds, lambda: self._tell_pull(clip_id))
        target = f"{promise.agent_id}/{clip_id}"
        try:
            if quality == "original":
                pulling = self._puller.pull(
                    promise.agent_id, clip_id, promise.bytes, promise.sha256, priority=state.priority, watcher=watch
                )
                await archive_clip(self._database, pulling, target, self._clock)
            elif quality == "sub":
                await self._puller.sub_stream(promise, priority=state.priority, watcher=watch)
            else:
                await self._puller.sample(promise, quality, priority=state.priority, watcher=watch)
        except AwayError:
            self._away[promise.agent_id].add(clip_id)
            raise
        except DigestError:
            watch.forget()
            if quality != "original":
                await note_altered(self._database, target, self._clock)
            raise
        finally:
            watch.look()

    async def _fail(self, clip_id: str, state: PullState, detail: str) -> None:
        if self._active.get(clip_id) is state:  # else it was stopped
            del self._active[clip_id]
            await self._end(clip_id, state, "failed", detail)

    async def _end(self, clip_id: str, state: PullState, outcome: Outcome, detail: str) -> None:
        state.end(outcome, detail)
        self._remember(clip_id, state)
        await self._wishes.end(clip_id, outcome, detail, state.seen)

    def _remember(self, clip_id: str, state: PullState) -> None:
        self._ended[clip_id] = state
        while len(self._ended) > ENDED_MAX:
            self._ended.popitem(last=False)

    async def _look_after(self, ended: list[Wish]) -> None:
        """See what is left of wishes that ended; remove now and then what is unfinished and wanted by nobody."""
        archive = self._puller.archive
        for wish in ended:
            seen = await asyncio.to_thread(looked_at, archive, wish.seen)
            if (state := self._ended.get(wish.clip_id)) is not None and state.seen is wish.seen:
                state.seen = seen
        while True:
            try:
                swept = await asyncio.to_thread(
                    archive.sweep, await self._wishes.digests(), STRAY_SECONDS, self._clock.now().timestamp()
                )
                if swept:
                    _log.info("stray_parts_removed", count=swept)
                for clip_id, state in [*self._ended.items()]:
                    is_gone = state.state != "failed" and not await asyncio.to_thread(is_left, archive, state.seen)
                    if is_gone and self._ended.get(clip_id) is state:
                        await self._wishes.forget(clip_id)
                        if self._ended.get(clip_id) is state:
                            del self._ended[clip_id]
            except StoreError as error:
                _log.warning("stray_parts_stay", reason=str(error))
            await asyncio.sleep(SWEEP_SECONDS)
