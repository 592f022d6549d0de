"""Reads of the store: connections of their own, shared by threads, that never block the writer."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import clips, holds, outbox, volumes
from vigie_agent.store.clips import Segment
from vigie_agent.store.database import inode_of, open_reader
from vigie_shared.errors import StoreError
from vigie_shared.events import Lane
from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import Manifest, block_bytes_for, block_digests

T = TypeVar("T")
CHUNK_BYTES_MAX: Final = 256 * 1024
OPEN_VOLUMES_MAX: Final = 4


@dataclass(frozen=True)
class Counts:
    """What the store holds now."""

    clips: int
    clips_bytes: int
    motion_events: int
    plate_reads: int


class DamagedSegmentError(StoreError):
    """A segment of a clip does not answer to its digest, or cannot be read."""

    def __init__(self, clip_id: str, segment: Segment, why: str) -> None:
        super().__init__(
            _("clip {clip}: segment {index} is damaged ({why})").format(clip=clip_id, index=segment.idx, why=why)
        )
        self.clip_id = clip_id
        self.segment = segment


class Reader:
    """All methods block; call them in a thread. They raise StoreError where the disk cannot be read."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = threading.Lock()
        self._inode = inode_of(data_dir)
        self._ledger: sqlite3.Connection | None = open_reader(data_dir)
        self._volumes: dict[int, sqlite3.Connection] = {}
        self._is_closed = False
        self.agent_id, self.epoch = self._ask(
            lambda connection: connection.execute("SELECT agent_id, epoch FROM meta").fetchone()
        )

    def close(self) -> None:
        """Let the files go."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def outbox_after(self, lane: Lane, seq: int, limit: int) -> list[outbox.OutboxRow]:
        """At most `limit` events of `lane` that follow `seq`, in order."""
        return self._ask(lambda connection: outbox.rows_after(connection, lane, seq, limit))

    def newest(self) -> dict[Lane, int]:
        """The newest sequence of each lane, 0 where it is empty."""
        return self._ask(outbox.newest)

    def oldest(self) -> dict[Lane, int]:
        """The lowest sequence that each lane can still send."""
        return self._ask(outbox.oldest)

    def receipted(self) -> dict[Lane, int]:
        """What the hub last signed for, per lane."""
        return self._ask(outbox.receipted)

    def crop(self, read_id: str) -> bytes | None:
        """The picture of a plate, JPEG; None where it is not kept."""
        row = self._ask(
            lambda connection: connection.execute("SELECT jpeg FROM crops WHERE read_id = ?", (read_id,)).fetchone()
        )
        return row[0] if row else None

    def manifest(self, clip_id: str) -> Manifest | None:
        """What a kept clip is; None where it is not kept. Raises DamagedSegmentError where it is not what it was."""
        promise = self._ask(lambda connection: clips.promise(connection, clip_id))
        if promise is None:
            return None
        size, sha256 = promise
        found, blocks = block_digests(self.read(clip_id, 0, size), block_bytes_for(size))
        if found != sha256:
            raise StoreError(_("clip {clip}: its bytes are not those that were stored").format(clip=clip_id))
        return Manifest(
            clip_id=clip_id, bytes=size, sha256=sha256, block_bytes=block_bytes_for(size), block_sha256=blocks
        )

    def begun(self, clip_id: str) -> ClipBegun | None:
        """What a clip is; None where it is not kept."""
        return self._ask(lambda connection: clips.begun(connection, clip_id))

    def segments(self, clip_id: str) -> list[Segment]:
        """The segments of a clip, in order; none where it is not kept."""
        return self._ask(lambda connection: clips.segments(connection, clip_id))

    def promise(self, clip_id: str) -> tuple[int, str] | None:
        """Size and digest of a finished clip, as the hub was told; None where it is not kept."""
        return self._ask(lambda connection: clips.promise(connection, clip_id))

    def holds(self) -> list[holds.Hold]:
        """What must stay."""
        return self._ask(holds.standing)

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Exactly the clip's bytes [offset, offset + length), in chunks; StoreError where the clip goes meanwhile."""
        end, reached = offset + length, offset
        for segment in self.segments(clip_id):
            if segment.first_byte >= end or segment.first_byte + segment.size <= offset:
                continue
            data = self.segment_bytes(clip_id, segment)
            part = memoryview(data)[max(0, offset - segment.first_byte) : end - segment.first_byte]
            for start in range(0, len(part), CHUNK_BYTES_MAX):
                yield bytes(part[start : start + CHUNK_BYTES_MAX])
            reached += len(part)
        if reached < end:
            raise StoreError(_("clip {clip}: byte {offset} is not kept here").format(clip=clip_id, offset=reached))

    def segment_bytes(self, clip_id: str, segment: Segment) -> bytes:
        """A segment's bytes, which answer to its digest; raises DamagedSegmentError. The init segment is here twice."""
        try:
            data = self.raw_bytes(clip_id, segment)
            if not segment.is_sound(data):
                raise DamagedSegmentError(clip_id, segment, _("its digest is another"))
        except DamagedSegmentError:
            copy = self._ask(lambda connection: clips.init(connection, clip_id)) if segment.idx == 0 else None
            if copy is None or not segment.is_sound(copy):
                raise
            return copy
        return data

    def stored_size(self, clip_id: str, segment: Segment) -> int:
        """How large a segment is on the disk, without reading it; raises DamagedSegmentError where it is not there."""
        volume, row = segment.place
        if volume == clips.OLD_VOLUME:
            return len(self.raw_bytes(clip_id, segment))
        try:
            with self._lock:
                size = volumes.stored_size(self._opened_volume(volume), row)
        except sqlite3.Error as error:
            raise DamagedSegmentError(clip_id, segment, str(error)) from error
        if size is None:
            raise self._missing(clip_id, segment)
        return size

    def raw_bytes(self, clip_id: str, segment: Segment) -> bytes:
        """A segment's bytes as the disk has them; raises DamagedSegmentError where it has none."""
        try:
            with self._lock:
                data = self._bytes_at(segment)
        except sqlite3.Error as error:
            raise DamagedSegmentError(clip_id, segment, str(error)) from error
        if data is not None:
            return data
        raise self._missing(clip_id, segment)

    def _missing(self, clip_id: str, segment: Segment) -> StoreError:
        """Gone because its clip has left meanwhile, or gone though the ledger names it."""
        if not any(known.place == segment.place for known in self.segments(clip_id)):
            return StoreError(_("clip {clip}: it has just made way for others").format(clip=clip_id))
        return DamagedSegmentError(clip_id, segment, _("it is not there"))

    def counts(self) -> Counts:
        """Clips and events that are kept now."""

        def ask(connection: sqlite3.Connection) -> Counts:
            kept, kept_bytes = clips.counts(connection)
            kinds = dict(connection.execute("SELECT what, count FROM totals"))
            return Counts(kept, kept_bytes, kinds.get("motion_started", 0), kinds.get("plate_read", 0))

        return self._ask(ask)

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Put any question to the ledger."""
        return self._ask(question)

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._lock:
                return question(self._opened_ledger())
        except sqlite3.Error as error:
            with self._lock:
                self._let_go()
            raise StoreError(_("the store cannot be read: {reason}").format(reason=error)) from error

    def _bytes_at(self, segment: Segment) -> bytes | None:
        volume, row = segment.place
        if volume == clips.OLD_VOLUME:
            return clips.old_bytes(self._opened_ledger(), row)
        return volumes.read_segment(self._opened_volume(volume), row)

    def _opened_ledger(self) -> sqlite3.Connection:
        if self._is_closed:
            raise StoreError(_("the store is closed"))
        if inode_of(self._data_dir) != self._inode:  # the disk went, or another one came
            self._let_go()
        if self._ledger is None:
            self._inode = inode_of(self._data_dir)
            self._ledger = open_reader(self._data_dir)
        return self._ledger

    def _opened_volume(self, volume: int) -> sqlite3.Connection:
        """Read-write where that is allowed, so that SQLite can roll back what a crash left half done."""
        if self._is_closed:
            raise StoreError(_("the store is closed"))
        if volume not in self._volumes:
            if len(self._volumes) >= OPEN_VOLUMES_MAX:
                self._volumes.pop(next(iter(self._volumes))).close()
            path = volumes.path_of(self._data_dir, volume)
            try:
                self._volumes[volume] = volumes.connect(path, "rw")
            except sqlite3.OperationalError:
                self._volumes[volume] = volumes.connect(path, "ro")
            self._volumes[volume].execute("PRAGMA query_only = ON")
        return self._volumes[volume]

    def _let_go(self) -> None:
        for connection in self._volumes.values():
            connection.close()
        self._volumes.clear()
        if self._ledger is not None:
            self._ledger.close()
            self._ledger = None
