"""The store: takes what a camera saw, hands out what the hub needs (docs/design/clip-store.md)."""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import check, clips, damage, epochs, hits, holds, outbox, presence, rebuild, recovery
from vigie_agent.store.digests import ClipDigests
from vigie_agent.store.gaps import GapReason, PendingGaps, Sign, signed
from vigie_agent.store.keeping import Erase, KeepClip, KeepSegment, MakeRoom
from vigie_agent.store.reader import Counts, DamagedSegmentError, Reader
from vigie_agent.store.retention import HoldsFillStoreError, Keep, Limits, Room
from vigie_agent.store.steady_clock import SteadyClock
from vigie_agent.store.writer import DiskFullError, Prepare, Unit, Writer
from vigie_shared.clock import Clock
from vigie_shared.commands import HoldKind
from vigie_shared.errors import StoreError
from vigie_shared.events import AnyEvent, GapRecorded, Lane, PlateHit, PlateRead
from vigie_shared.ids import unique_id
from vigie_shared.transfer import Manifest

if TYPE_CHECKING:
    from vigie_agent.camera import FinishedClip

log = structlog.get_logger(__name__)
T = TypeVar("T")

WAITING_CLIP_BYTES_MAX: Final = 128 * 1024**2
FORGET_ROWS_MAX: Final = 2000


class Store:
    """One per agent. What is recorded here is written by a thread; reads block and belong in one too.

    `record`, `record_read`, `keep_segment` and `keep_clip` never block and never raise: what the disk refuses is
    logged and becomes a gap, signed by `sign`.
    """

    def __init__(
        self,
        data_dir: Path,
        agent_id: str,
        *,
        keep_bytes_max: int,
        clock: Clock,
        sign: Sign | None = None,
        free_bytes_min: int = 0,
        classes: tuple[Keep, ...] | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._sign: Callable[[GapRecorded], GapRecorded] = lambda gap: signed(gap, agent_id, sign)
        limits = Limits(keep_bytes_max, free_bytes_min)
        self._room = Room(Limits(keep_bytes_max, free_bytes_min, classes) if classes else limits, self._sign)
        files = rebuild.opened(data_dir, agent_id, keep_bytes_max, clock.now())
        try:
            recovery.recover(files.connection, files.volumes, clock.now())
            epochs.note_opening(files.connection)
            for what in check.broken(files.connection):
                log.error("store is damaged", finding=what, folder=str(data_dir))
            self.absent_since = presence.last_alive_at(files.connection)
            self._reader = Reader(data_dir)
        except sqlite3.Error as error:
            files.close()
            raise StoreError(str(error)) from error
        except BaseException:
            files.close()
            raise
        self._files = files
        self._steady_clock = SteadyClock(self.absent_since)
        self._on_recorded: Callable[[], None] = lambda: None
        self._guard = threading.Lock()
        self._gaps = PendingGaps()
        self._waiting_clip_bytes = 0
        self._digests = ClipDigests()
        self._fault: str | None = None
        self._writer = Writer(files)
        self._erase()

    @property
    def epoch(self) -> str:
        """Whose sequences these are: another one begins where the store was restored from a copy of itself."""
        return self._files.epoch

    @property
    def fault(self) -> str | None:
        """Why the disk refused the last write; None where it took it."""
        return self._fault

    def written(self) -> "Future[Any]":
        """Done when all that was recorded so far is on the disk."""
        return self._queued(lambda _connection: None)

    def close(self) -> None:
        """Write all that waits, then let the files go."""
        self._write_gaps()
        with contextlib.suppress(StoreError):
            self._writer.submit(lambda connection: presence.note_alive(connection, self._clock.now()))
        self._writer.close()
        self._reader.close()

    def on_recorded(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each commit that may have added events; it runs in the writer's thread."""
        self._on_recorded = callback

    # What a camera hands in.

    def record(self, event: AnyEvent) -> None:
        """Write `event` and its outbox row."""
        told = self._sign(event) if isinstance(event, GapRecorded) else event
        self._submit(lambda connection: outbox.append(connection, told), event.camera_id, event.at, event.at)

    def record_read(
        self, event: PlateRead, crop_jpeg: bytes, found: Sequence[PlateHit] = (), more: Sequence[AnyEvent] = ()
    ) -> None:
        """Write a plate read with the picture of its plate, its hits, and `more` that is told of it, all or nothing;
        the clips of its motion are kept for it.
        """

        def unit(connection: sqlite3.Connection) -> None:
            outbox.append_read(connection, event, crop_jpeg)
            clips.note_plate(connection, event.motion_id)
            hits.append(connection, found, crop_jpeg)
            for told in more:
                outbox.append(connection, told)

        self._submit(unit, event.camera_id, event.at, event.at)

    def record_hits(self, found: Sequence[PlateHit], crop_jpeg: bytes) -> "Future[int]":
        """Write hits of one read, and its picture, without the plain read; how many are new."""
        event = found[0]
        return self._submit(
            lambda connection: hits.append(connection, found, crop_jpeg), event.camera_id, event.at, event.at
        )

    def record_absence(self, camera_ids: Iterable[str]) -> None:
        """Say that nobody watched these cameras since the agent last ran; once, when it starts."""
        now, since = self._clock.now(), self.absent_since
        if since is None or since >= now:
            return
        for camera_id in camera_ids:
            gap_id = unique_id(now)
            self.record(GapRecorded(at=since, camera_id=camera_id, gap_id=gap_id, ended_at=now, reason="agent_down"))

    def keep_segment(self, begun: ClipBegun, index: int, data: bytes) -> None:
        """Write one segment of a clip that is still being recorded; what is lost of it, `keep_clip` brings again."""
        if not self._admit(len(data)):
            return
        job = KeepSegment(begun, index, data, self._clock.now(), self._digests)
        future = self._queued(job.unit, job.prepare, len(data))
        future.add_done_callback(lambda _future: self._left_queue(len(data)))

        def settled(future: "Future[None]") -> None:
            error = future.exception()
            if error is not None:
                self._note_fault(str(error))

        future.add_done_callback(settled)

    def keep_clip(self, clip: "FinishedClip") -> None:
        """Write what is not here yet of a clip, and its event; older ones make room."""
        if not self._admit(clip.bytes):
            self._lost("the disk is too slow for the clips", clip.camera_id, "overload", clip.at, clip.ended_at)
            return
        begun = ClipBegun(**{name: getattr(clip, name) for name in ClipBegun.model_fields})
        now = self._clock.now()
        job = KeepClip(begun, clip.segments, clip.ended_at, now, self._room, self._data_dir, self._digests)
        self._keep(job, again=True)

    def _keep(self, job: KeepClip, *, again: bool) -> None:
        future = self._queued(job.unit, job.prepare, job.bytes)

        def settled(future: "Future[int]") -> None:
            error = future.exception()
            if isinstance(error, DiskFullError) and again:
                self._make_room(job.bytes)
                self._keep(job, again=False)
                return
            self._left_queue(job.bytes)
            if error is None:
                self._took_write()
                return
            reason: GapReason = "disk_error"
            if isinstance(error, DiskFullError | HoldsFillStoreError):
                reason = "disk_full"
            self._lost(str(error), job.begun.camera_id, reason, job.begun.at, job.ended_at)
            self._queued(job.abandon)

        future.add_done_callback(settled)

    def _make_room(self, size: int) -> None:
        job = MakeRoom(self._room, self._clock.now(), size, self._data_dir)
        self._queued(job.unit, job.prepare)
        self._erase()

    def _erase(self) -> None:
        job = Erase()
        self._queued(job.unit, job.prepare)

    def _admit(self, size: int) -> bool:
        """Whether bytes may wait; those of one clip always may."""
        with self._guard:
            fits = self._waiting_clip_bytes + size <= max(WAITING_CLIP_BYTES_MAX, size)
            self._waiting_clip_bytes += size if fits else 0
        return fits

    def _left_queue(self, size: int) -> None:
        with self._guard:
            self._waiting_clip_bytes -= size

    # What must stay, and as what.

    def follow_hub(self, clip_id: str, kind: HoldKind, wanted: bool) -> None:
        """Do as the hub says, durably; blocks. Raises GoneError where the clip is not here any more."""
        now = self._clock.now()
        self._writer.submit(lambda connection: holds.follow_hub(connection, clip_id, kind, wanted, now)).result()

    def keep_as(self, clip_id: str, kept_as: str) -> "Future[bool]":
        """Raise a clip's class (`clips.KEPT_AS`); False where it is not kept."""
        return self._writer.submit(lambda connection: clips.keep_as(connection, clip_id, kept_as))

    def note_pulled(self, clip_id: str) -> None:
        """A puller has all bytes of a clip, and said that they are those promised."""
        now = self._clock.now()

        def unit(connection: sqlite3.Connection) -> None:
            for state in ("pulled", "verified"):
                clips.reach(connection, clip_id, state, now)

        self._queued(unit)

    # What the uplink asks and tells.

    def outbox_after(self, lane: Lane, seq: int, limit: int) -> list[outbox.OutboxRow]:
        """At most `limit` events of `lane` that follow `seq`, in order."""
        return self._reader.outbox_after(lane, seq, limit)

    def newest(self) -> dict[Lane, int]:
        """The newest sequence of each lane, 0 where it is empty."""
        return self._reader.newest()

    def oldest(self) -> dict[Lane, int]:
        """The lowest sequence that each lane can still send."""
        return self._reader.oldest()

    def receipted(self) -> dict[Lane, int]:
        """What the hub last signed for, per lane."""
        return self._reader.receipted()

    def note_receipt(self, watermarks: Mapping[Lane, int]) -> "Future[None]":
        """Keep the hub's word; clips that it covers are acknowledged in the ledger."""
        now = self._clock.now()
        return self._writer.submit(lambda connection: outbox.note_receipt(connection, watermarks, now))

    def openings(self) -> dict[Lane, list[int]]:
        """Places where this store may have gone another way than the one that the hub heard."""
        return self._reader.ask(epochs.openings)

    def marks(self, places: Mapping[Lane, Iterable[int]]) -> dict[tuple[Lane, int], int]:
        """The marks of events that are still here (`vigie_shared.marks`)."""
        return self._reader.ask(lambda connection: epochs.marks(connection, places))

    def note_same(self, places: Iterable[tuple[Lane, int]]) -> None:
        """There the hub has what this store has; blocks."""
        self._writer.submit(lambda connection: epochs.note_same(connection, places)).result()

    def begin_epoch(self, arrived: Mapping[Lane, epochs.Arrived]) -> dict[Lane, int]:
        """Tell what has not arrived as another store would; how many events that is, by lane. Blocks."""
        now = self._clock.now()
        epoch = unique_id(now)
        told = self._writer.submit(lambda connection: epochs.begin(connection, epoch, arrived, now)).result()
        self._files.epoch = epoch
        return told

    def forget(self, keep_sent: timedelta, keep_crops: timedelta) -> "Future[int]":
        """Remove some of the receipted events, pictures and clips that are older than they are kept.

        Also tries pending gaps again, and notes that the agent is alive. In doubt about the clock, nothing goes.
        """
        self._write_gaps()
        now = self._clock.now()
        believed = self._steady_clock.believes(now, self._clock.monotonic_seconds())

        def unit(connection: sqlite3.Connection) -> int:
            presence.note_alive(connection, now)
            if not believed:
                return 0
            holds.lapse(connection, now)
            self._room.expire(connection, now)
            removed = outbox.forget(connection, now - keep_sent, now - keep_crops, FORGET_ROWS_MAX)
            hits.forget(connection, now - keep_crops, FORGET_ROWS_MAX)
            return removed

        future = self._writer.submit(unit)
        self._erase()
        return future

    # What others ask about what is kept.

    def crop(self, read_id: str) -> bytes | None:
        """The picture of a plate, JPEG; None where it is not kept."""
        return self._reader.crop(read_id)

    def manifest(self, clip_id: str) -> Manifest | None:
        """What a kept clip is; None where it is not kept. StoreError where it is damaged, which is noted."""
        with self._noting_damage():
            return self._reader.manifest(clip_id)

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Exactly the clip's bytes [offset, offset + length), in chunks; StoreError where the clip goes meanwhile."""
        with self._noting_damage():
            yield from self._reader.read(clip_id, offset, length)

    def ask(self, question: Callable[[Reader], T]) -> T:
        """Put any question to its reader; StoreError where what it asks for is damaged, which is noted."""
        with self._noting_damage():
            return question(self._reader)

    def counts(self) -> Counts:
        """Clips and events that are kept now."""
        return self._reader.counts()

    @contextlib.contextmanager
    def _noting_damage(self) -> Iterator[None]:
        try:
            yield
        except DamagedSegmentError as error:
            log.error("a segment is damaged", clip_id=error.clip_id, segment=error.segment.idx, reason=str(error))
            clip_id, idx, now = error.clip_id, error.segment.idx, self._clock.now()
            future = self._queued(lambda connection: damage.note(connection, clip_id, idx, now, self._sign))
            future.add_done_callback(lambda done: None if done.exception() else self._on_recorded())
            raise

    # Writing, and what happens when the disk refuses.

    def _queued(self, unit: Unit[Any], prepare: Prepare | None = None, size: int = 0) -> "Future[Any]":
        """The writer's future, or one that has failed where it takes no more."""
        try:
            return self._writer.submit(unit, prepare, size)
        except StoreError as error:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def _submit(self, unit: Unit[Any], camera_id: str, at: datetime, ended_at: datetime) -> "Future[Any]":
        def settled(future: "Future[Any]") -> None:
            error = future.exception()
            if error is None:
                self._took_write()
            else:
                reason: GapReason = "disk_full" if isinstance(error, DiskFullError) else "disk_error"
                self._lost(str(error), camera_id, reason, at, ended_at)

        future = self._queued(unit)
        future.add_done_callback(settled)
        return future

    def _lost(self, why: str, camera_id: str, reason: GapReason, at: datetime, ended_at: datetime) -> None:
        with self._guard:
            self._gaps.note(camera_id, reason, at, ended_at)
        self._note_fault(why, camera_id=camera_id, reason=reason)

    def _note_fault(self, why: str, **fields: object) -> None:
        with self._guard:
            first, self._fault = self._fault is None, why
        (log.error if first else log.debug)("store lost a write", error=why, **fields)

    def _took_write(self) -> None:
        with self._guard:
            recovered, self._fault = self._fault is not None, None
        if recovered:
            log.info("store takes writes again")
            self._write_gaps()
        self._on_recorded()

    def _write_gaps(self) -> None:
        with self._guard:
            gaps = self._gaps.take()
        if not gaps:
            return

        def settled(future: "Future[Any]") -> None:
            if future.exception() is not None:
                with self._guard:
                    self._gaps.put_back(gaps)
            else:
                self._took_write()

        told = [self._sign(gap) for gap in gaps]
        future = self._queued(lambda connection: [outbox.append(connection, gap) for gap in told])
        future.add_done_callback(settled)
