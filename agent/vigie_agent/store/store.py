"""The store: takes what a camera saw, hands out what the hub needs (docs/design/clip-store.md)."""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from vigie_agent.camera import FinishedClip
from vigie_agent.store import check, clips, outbox, presence
from vigie_agent.store.database import open_writer
from vigie_agent.store.gaps import GapReason, PendingGaps
from vigie_agent.store.lock import StoreLock
from vigie_agent.store.reader import Counts, Reader
from vigie_agent.store.writer import DiskFullError, Unit, Writer
from vigie_shared.clock import Clock
from vigie_shared.errors import StoreError
from vigie_shared.events import AnyEvent, ClipStored, GapRecorded, Lane, PlateRead
from vigie_shared.i18n import gettext as _
from vigie_shared.ids import unique_id
from vigie_shared.transfer import Manifest, block_bytes_for, block_digests

log = structlog.get_logger(__name__)

WAITING_CLIP_BYTES_MAX: Final = 128 * 1024**2
FORGET_ROWS_MAX: Final = 2000


class Store:
    """One per agent. What is recorded here is written by a thread; reads block and belong in one too.

    `record`, `record_read` and `keep_clip` never block and never raise: what the disk refuses is logged and becomes
    a gap.
    """

    def __init__(self, data_dir: Path, agent_id: str, *, keep_bytes_max: int, clock: Clock) -> None:
        self._keep_bytes_max = keep_bytes_max
        self._clock = clock
        self._lock = StoreLock(data_dir)
        try:
            connection = open_writer(data_dir, agent_id)
            for what in check.broken(connection):
                log.error("store is damaged", finding=what, folder=str(data_dir))
            self._writer = Writer(connection)
            self._reader = Reader(data_dir)
        except BaseException:
            self._lock.close()
            raise
        self.epoch = self._reader.epoch
        self.absent_since = presence.last_alive_at(connection)
        self._on_recorded: Callable[[], None] = lambda: None
        self._guard = threading.Lock()
        self._gaps = PendingGaps()
        self._waiting_clip_bytes = 0
        self._fault: str | None = None

    @property
    def fault(self) -> str | None:
        """Why the disk refused the last write; None where it took it."""
        return self._fault

    def close(self) -> None:
        """Write all that waits, then let the files go."""
        self._write_gaps()
        with contextlib.suppress(StoreError):
            self._writer.submit(lambda connection: presence.note_alive(connection, self._clock.now()))
        self._writer.close()
        self._reader.close()
        self._lock.close()

    def on_recorded(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each commit that may have added events; it runs in the writer's thread."""
        self._on_recorded = callback

    # What a camera hands in.

    def record(self, event: AnyEvent) -> None:
        """Write `event` and its outbox row."""
        self._submit(lambda connection: outbox.append(connection, event), event.camera_id, event.at, event.at)

    def record_read(self, event: PlateRead, crop_jpeg: bytes) -> None:
        """Write a plate read with the picture of its plate."""
        self._submit(
            lambda connection: outbox.append_read(connection, event, crop_jpeg), event.camera_id, event.at, event.at
        )

    def record_absence(self, camera_ids: Iterable[str]) -> None:
        """Say that nobody watched these cameras since the agent last ran; once, when it starts."""
        now, since = self._clock.now(), self.absent_since
        if since is None or since >= now:
            return
        for camera_id in camera_ids:
            gap_id = unique_id(now)
            self.record(GapRecorded(at=since, camera_id=camera_id, gap_id=gap_id, ended_at=now, reason="agent_down"))

    def keep_clip(self, clip: FinishedClip) -> None:
        """Write a clip with its event; older ones make room."""
        with self._guard:
            fits = self._waiting_clip_bytes + clip.bytes <= max(WAITING_CLIP_BYTES_MAX, clip.bytes)
            self._waiting_clip_bytes += clip.bytes if fits else 0
        if not fits:
            self._lost("the disk is too slow for the clips", clip.camera_id, "overload", clip.at, clip.ended_at)
            return
        future = self._submit(self._keeping(clip), clip.camera_id, clip.at, clip.ended_at)
        future.add_done_callback(lambda _future: self._clip_left_queue(clip.bytes))

    def _keeping(self, clip: FinishedClip) -> Unit[None]:
        def unit(connection: Any) -> None:
            sha256, block_sha256 = block_digests(clip.segments, block_bytes_for(clip.bytes))
            if sha256 != clip.sha256:
                raise StoreError(_("clip {clip}: its bytes changed on the way to the disk").format(clip=clip.clip_id))
            stored = ClipStored(
                at=clip.at,
                camera_id=clip.camera_id,
                clip_id=clip.clip_id,
                motion_id=clip.motion_id,
                ended_at=clip.ended_at,
                bytes=clip.bytes,
                sha256=sha256,
                codec=clip.codec,
                width_px=clip.width_px,
                height_px=clip.height_px,
            )
            now = self._clock.now()
            clips.insert(connection, stored, clip.segments, block_sha256, now)
            clips.make_room(connection, self._keep_bytes_max, clip.clip_id, now)

        return unit

    def _clip_left_queue(self, size: int) -> None:
        with self._guard:
            self._waiting_clip_bytes -= size

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

    def forget(self, keep_sent: timedelta, keep_crops: timedelta) -> "Future[int]":
        """Remove some of the receipted events and pictures that are older than that.

        Also tries pending gaps again, and notes that the agent is alive.
        """
        self._write_gaps()
        now = self._clock.now()

        def unit(connection: Any) -> int:
            presence.note_alive(connection, now)
            return outbox.forget(connection, now - keep_sent, now - keep_crops, FORGET_ROWS_MAX)

        return self._writer.submit(unit)

    # What others ask about what is kept.

    def crop(self, read_id: str) -> bytes | None:
        """The picture of a plate, JPEG; None where it is not kept."""
        return self._reader.crop(read_id)

    def manifest(self, clip_id: str) -> Manifest | None:
        """What a kept clip is; None where it is not kept."""
        return self._reader.manifest(clip_id)

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Exactly the clip's bytes [offset, offset + length), in chunks; StoreError where the clip goes meanwhile."""
        return self._reader.read(clip_id, offset, length)

    def counts(self) -> Counts:
        """Clips and events that are kept now."""
        return self._reader.counts()

    # Writing, and what happens when the disk refuses.

    def _submit(self, unit: Unit[Any], camera_id: str, at: datetime, ended_at: datetime) -> "Future[Any]":
        def settled(future: "Future[Any]") -> None:
            error = future.exception()
            if error is None:
                self._took_write()
            else:
                reason: GapReason = "disk_full" if isinstance(error, DiskFullError) else "disk_error"
                self._lost(str(error), camera_id, reason, at, ended_at)

        try:
            future = self._writer.submit(unit)
        except StoreError as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(settled)
        return future

    def _lost(self, why: str, camera_id: str, reason: GapReason, at: datetime, ended_at: datetime) -> None:
        with self._guard:
            self._gaps.note(camera_id, reason, at, ended_at)
            first, self._fault = self._fault is None, why
        (log.error if first else log.debug)("store lost a write", camera_id=camera_id, reason=reason, error=why)

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

        try:
            future = self._writer.submit(lambda connection: [outbox.append(connection, gap) for gap in gaps])
        except StoreError as error:
            future = Future()
            future.set_exception(error)
        future.add_done_callback(settled)
