"""Pulls clips from agents into the archive: verifies, resumes, takes the better road, gives up when nothing helps."""

import asyncio
import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import structlog
from nats.aio.client import Client
from pydantic import BaseModel, ConfigDict, Field

from vigie_hub.archive.files import Archive, Part
from vigie_hub.video.offering import AwayError
from vigie_hub.video.pull.comings import Comings
from vigie_hub.video.pull.conversation import Conversation
from vigie_hub.video.pull.door import Door
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import Waits, Watcher
from vigie_hub.video.pull.results import ArchivedClip, Sample, SubStream
from vigie_hub.video.pull.roads import Road, Roads
from vigie_hub.video.pull.sessions import KeyOf, Peer, RoadError, Sessions
from vigie_hub.video.pull.transfer import Promise, RefusedError, Transfer
from vigie_hub.video.pull.window import WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, Window
from vigie_shared.clock import Clock, SystemClock
from vigie_shared.errors import DigestError, LinkError, TransferError, VigieError
from vigie_shared.i18n import gettext as _
from vigie_shared.ice import IceServers
from vigie_shared.receipts import Verifier
from vigie_shared.signaling import ClipPriority, ClipWanted
from vigie_shared.transfer import Head, Index, Manifest

_HANG_UP_SECONDS: Final = 1.0
_log = structlog.get_logger(__name__)

OnProgress = Callable[[int], None]
"""Called with the bytes that are verified so far."""
OnBytes = Callable[[int, int], None]
"""Called with how many bytes are verified, of how many."""


class PullLimits(BaseModel):
    """How long a pull waits, and how often it tries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    answer_seconds: float = Field(default=10.0, gt=0)
    open_seconds: float = Field(default=10.0, gt=0)
    stall_seconds: float = Field(default=3.0, gt=0)
    """Longer where the agent says less often that it waits."""
    retry_seconds: float = Field(default=0.5, gt=0)
    """Before the second attempt; doubles with each that brought nothing, up to `retry_seconds_max`."""
    retry_seconds_max: float = Field(default=30.0, gt=0)
    wait_seconds_max: float = Field(default=600.0, gt=0)
    """Longest wait before asking again an agent that said when its link is free."""
    fruitless_attempts_max: int = Field(default=8, ge=1)
    """Attempts in a row that brought no block."""
    away_attempts_max: int = Field(default=4, ge=1)
    """The same, where the agent is not connected."""
    window_bytes_max: int = Field(default=WINDOW_BYTES_MAX, ge=WINDOW_BYTES_MIN)
    """Bytes asked for ahead, at most."""


@dataclass(slots=True)
class _Pull:
    """One pull, attempt after attempt."""

    promise: Promise
    quality: Quality
    priority: ClipPriority
    part: Part | None
    """None until the manifest says what a sub-stream is."""
    on_bytes: OnBytes
    key: Verifier | None = None
    received_bytes: int = 0
    roads: list[Road] | None = None
    manifest: Manifest | None = None
    index: Index | None = None
    shut_roads: set[Road] | None = None
    watcher: Watcher | None = None
    reported_bytes: int = -1

    def moved(self, transfer: Transfer) -> None:
        """What it brought is on disk."""
        if transfer.verified_bytes != self.reported_bytes:
            self.reported_bytes = transfer.verified_bytes
            self.on_bytes(transfer.verified_bytes, transfer.wanted_bytes)
        if self.watcher is not None and self.roads:
            self.watcher.moved(transfer, self.roads[-1])

    def waits(self, why: Waits, detail: str) -> None:
        """Nothing comes now."""
        if self.watcher is not None:
            self.watcher.waits(why, detail)


class Puller:
    """Any number of pulls at a time, each with its own session."""

    def __init__(
        self,
        connection: Client,
        archive: Archive,
        *,
        clock: Clock | None = None,
        limits: PullLimits | None = None,
        ice: IceServers | None = None,
        roads: Roads | None = None,
        door: Door | None = None,
        key_of: KeyOf | None = None,
    ) -> None:
        """Without `door` and `key_of` the data channel is the only road, and no signature is checked."""
        self.archive = archive
        self._clock = clock or SystemClock()
        self._limits = limits = limits or PullLimits()
        self._roads = roads or Roads()
        self._key_of = key_of
        self._comings = Comings()
        self._sessions = Sessions(
            connection,
            self._clock,
            answer_seconds=limits.answer_seconds,
            open_seconds=limits.open_seconds,
            ice=ice,
            door=door,
        )

    def alive(self, agent_id: str) -> None:
        """An agent gave a sign of life: who waits for it need wait no longer."""
        self._comings.came(agent_id)

    async def pull(
        self,
        agent_id: str,
        clip_id: str,
        expected_bytes: int,
        expected_sha256: str,
        on_progress: OnProgress = lambda verified_bytes: None,
        *,
        priority: ClipPriority = "clip",
        watcher: Watcher | None = None,
    ) -> ArchivedClip:
        """Return when the clip is durable.

        Raises DigestError where the bytes are not those promised (final), RefusedError where the agent will not,
        StoreError where the disk will not, TransferError when it has tried often enough.
        """
        began = self._clock.monotonic_seconds()
        promise = Promise(agent_id, clip_id, expected_bytes, expected_sha256)
        part = self.archive.part(expected_sha256, expected_bytes)
        pull = _Pull(
            promise, "original", priority, part, lambda verified, _wanted: on_progress(verified), watcher=watcher
        )
        if not await asyncio.to_thread(self.archive.intact, expected_sha256):
            try:
                await asyncio.to_thread(part.open)
                await self._try_until_whole(pull)
                await asyncio.to_thread(part.commit)
            except DigestError:
                await asyncio.to_thread(part.discard)
                raise
            finally:
                await asyncio.to_thread(part.close)
        seconds = self._clock.monotonic_seconds() - began
        return ArchivedClip(
            clip_id,
            expected_sha256,
            expected_bytes,
            self._clock.now(),
            seconds,
            pull.received_bytes,
            tuple(pull.roads or ()),
        )

    async def sample(
        self,
        promise: Promise,
        quality: Quality,
        on_progress: OnBytes = lambda verified_bytes, wanted_bytes: None,
        *,
        priority: ClipPriority = "clip",
        watcher: Watcher | None = None,
    ) -> Sample:
        """Bring keyframes alone; what came is used by a later pull of the whole. Raises as `pull`."""
        began = self._clock.monotonic_seconds()
        part = self.archive.part(promise.sha256, promise.bytes)
        pull = _Pull(promise, quality, priority, part, on_progress, watcher=watcher)
        try:
            await asyncio.to_thread(part.open)
            await self._try_until_whole(pull)
            assert pull.index is not None
            read = await asyncio.to_thread(_sampled, part, quality, pull.index)
            seconds = self._clock.monotonic_seconds() - began
            return Sample(pull.index, *read, pull.received_bytes, seconds, tuple(pull.roads or ()))
        except DigestError:
            await asyncio.to_thread(part.discard)
            raise
        finally:
            await asyncio.to_thread(part.close)

    async def sub_stream(
        self,
        promise: Promise,
        on_progress: OnBytes = lambda verified_bytes, wanted_bytes: None,
        *,
        priority: ClipPriority = "clip",
        watcher: Watcher | None = None,
    ) -> SubStream:
        """Bring the clip as its agent makes it small. Raises as `pull`."""
        began = self._clock.monotonic_seconds()
        pull = _Pull(promise, "sub", priority, None, on_progress, watcher=watcher)
        try:
            await self._try_until_whole(pull)
            assert pull.part is not None
            assert pull.manifest is not None
            data = await asyncio.to_thread(pull.part.read, 0, pull.manifest.bytes)
            if hashlib.sha256(data).hexdigest() != pull.manifest.sha256:
                raise DigestError(
                    _("clip {clip_id}: its sub-stream is not what the agent promised").format(clip_id=promise.clip_id)
                )
            seconds = self._clock.monotonic_seconds() - began
            return SubStream(pull.manifest, data, pull.received_bytes, seconds, tuple(pull.roads or ()))
        except DigestError:
            if pull.part is not None:
                await asyncio.to_thread(pull.part.discard)
            raise
        finally:
            if pull.part is not None:
                await asyncio.to_thread(pull.part.close)

    async def _try_until_whole(self, pull: _Pull) -> None:
        """Attempt after attempt."""
        fruitless = best = 0
        promise = pull.promise
        pull.key = await self._key_of(promise.agent_id) if self._key_of else None
        while True:
            transfer = Transfer(promise, pull.quality, pull.key)
            try:
                await self._attempt(pull, transfer)
                return
            except VigieError as error:
                if isinstance(error, DigestError) or not error.retryable:
                    raise
                if isinstance(error, RoadError):
                    _log.info("road_shut", agent_id=promise.agent_id, reason=str(error))
                    continue
                if isinstance(error, RefusedError) and error.after_seconds is not None:
                    after_seconds = min(error.after_seconds, self._limits.wait_seconds_max)
                    pull.waits("link", str(error))
                    _log.info("pull_waits", clip_id=promise.clip_id, after_seconds=after_seconds, reason=str(error))
                    await asyncio.sleep(after_seconds)
                    continue
                fruitless = 0 if transfer.verified_bytes > best else fruitless + 1
                best = max(best, transfer.verified_bytes)
                if fruitless >= self._attempts_max(error):
                    raise _given_up(promise, error, fruitless) from error
                _log.info("pull_interrupted", clip_id=promise.clip_id, verified_bytes=best, reason=str(error))
                pull.waits("agent" if isinstance(error, AwayError) else "again", str(error))
            finally:
                pull.received_bytes += transfer.received_bytes
            await self._comings.wait(promise.agent_id, self._pause_seconds(fruitless))

    async def _attempt(self, pull: _Pull, transfer: Transfer) -> None:
        """One session, by the road that seems best."""
        agent_id, now = pull.promise.agent_id, self._clock.monotonic_seconds()
        road: Road = "channel"
        if self._sessions.has_door and pull.key is not None and "tcp" not in (pull.shut_roads or ()):
            road = self._roads.choose(agent_id, pull.promise.bytes, now)
        quality: Literal["sub", "original"] = "sub" if pull.quality == "sub" else "original"
        wanted = ClipWanted(clip_id=pull.promise.clip_id, priority=pull.priority, quality=quality)
        began: float | None = None
        if quality == "sub":
            pull.waits("making", "")
        try:
            async with self._sessions.opened(road, agent_id, wanted, pull.key) as peer:
                if pull.shut_roads:  # the other one is open: it was not the agent that refused
                    self._roads.failed(agent_id, "tcp", now)
                    pull.shut_roads = None
                pull.roads = [*(pull.roads or []), road]
                began = self._clock.monotonic_seconds()
                await self._converse(pull, transfer, peer)
        except RoadError:
            pull.shut_roads = {road}
            raise
        except LinkError:
            raise
        except TransferError:
            if began is not None and not transfer.received_bytes:
                self._roads.failed(agent_id, road, now)
            raise
        finally:
            ended = self._clock.monotonic_seconds()
            if began is not None and transfer.received_bytes:
                self._roads.arrived(agent_id, road, transfer.received_bytes, ended - began, ended)

    async def _converse(self, pull: _Pull, transfer: Transfer, peer: Peer) -> None:
        has_left = pull.quality != "sub" and pull.part is not None and await asyncio.to_thread(pull.part.has_holes)
        conversation = Conversation(
            transfer,
            peer,
            Window(self._limits.window_bytes_max, peer.get_bytes_max, peer.rounds_ahead),
            self._clock,
            stall_seconds=self._limits.stall_seconds,
            open_part=lambda manifest: self._opened_part(pull, manifest),
            on_moved=lambda: pull.moved(transfer),
        )
        await conversation.run(has_left=has_left)
        pull.manifest, pull.index = transfer.manifest, transfer.index
        await peer.hang_up(_HANG_UP_SECONDS)

    async def _opened_part(self, pull: _Pull, manifest: Manifest) -> Part:
        """Where to write; for a sub-stream the manifest says it, and an agent may make another one the next time."""
        if pull.quality == "sub":
            if pull.part is not None:
                await asyncio.to_thread(pull.part.close)
            pull.part = self.archive.part(manifest.sha256, manifest.bytes)
            await asyncio.to_thread(pull.part.open)
        assert pull.part is not None
        return pull.part

    def _attempts_max(self, error: VigieError) -> int:
        most = self._limits.fruitless_attempts_max
        return min(most, self._limits.away_attempts_max) if isinstance(error, AwayError) else most

    def _pause_seconds(self, fruitless: int) -> float:
        capped = min(self._limits.retry_seconds * 2.0 ** max(0, fruitless - 1), self._limits.retry_seconds_max)
        return capped * random.uniform(0.5, 1.0)  # noqa: S311


def _given_up(promise: Promise, error: VigieError, count: int) -> VigieError:
    reason = _("clip {clip_id} of agent {agent_id}: {reason}; tried {count} times").format(
        clip_id=promise.clip_id, agent_id=promise.agent_id, reason=error, count=count
    )
    return AwayError(reason) if isinstance(error, AwayError) else TransferError(reason)


def _sampled(part: Part, quality: Quality, index: Index) -> tuple[bytes, tuple[tuple[Head, bytes], ...]]:
    """What is on disk of it; each keyframe is there whole or not at all."""

    def bytes_of(head: Head) -> bytes:
        return part.read(head.offset, head.length)

    heads = index.heads if quality == "keyframes" else (index.heads[len(index.heads) // 2],)
    return bytes_of(index.init), tuple((head, bytes_of(head)) for head in heads)
