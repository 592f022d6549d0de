"""How a clip comes into the store: its segments into volumes first, then all that the ledger says of it."""

import hashlib
import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from vigie_agent.clips.begun import ClipBegun
from vigie_agent.store import clips, retention
from vigie_agent.store.clips import PlacedSegment
from vigie_agent.store.digests import ClipDigests
from vigie_agent.store.recovery import promised
from vigie_agent.store.retention import Room
from vigie_agent.store.volumes import Place, Volumes
from vigie_shared.events import ClipStored

ERASED_A_ROUND_MAX: Final = 256


@dataclass
class Erase:
    """Takes bytes whose clip is gone out of their volumes.

    It rides with what is written: one transaction in a volume for both, and the new bytes come first.
    """

    _places: list[Place] = field(default_factory=list)

    def prepare(self, connection: sqlite3.Connection, volumes: Volumes) -> None:
        """Erase."""
        self._places = retention.pending_erasures(connection, ERASED_A_ROUND_MAX)
        volumes.erase(self._places)

    def unit(self, connection: sqlite3.Connection) -> int:
        """Note it; how many segments went."""
        retention.erased(connection, self._places)
        return len(self._places)


@dataclass
class KeepSegment:
    """One GOP of a clip that is still being recorded."""

    begun: ClipBegun
    idx: int
    data: bytes
    now: datetime
    digests: ClipDigests
    _placed: PlacedSegment | None = None
    _erase: Erase = field(default_factory=Erase)

    def prepare(self, connection: sqlite3.Connection, volumes: Volumes) -> None:
        """Write the bytes."""
        about = self.begun.model_dump_json() if self.idx == 0 else None
        self._placed = _put(volumes, self.begun.clip_id, self.idx, self.data, about)
        self.digests.feed(self.begun.clip_id, self.idx, self.data)
        self._erase.prepare(connection, volumes)

    def unit(self, connection: sqlite3.Connection) -> None:
        """Name them, where they continue the clip; else they are to leave again."""
        assert self._placed is not None
        self._erase.unit(connection)
        known = len(clips.segments(connection, self.begun.clip_id))
        if self.idx == known:
            clips.add_segment(connection, self.begun, self._placed, self.data, self.now)
        elif self.idx > known:
            _disown(connection, [self._placed])


@dataclass
class KeepClip:
    """A clip that is complete: what is not here of it yet, its digest, its event; others make room."""

    begun: ClipBegun
    segments: Sequence[bytes]
    ended_at: datetime
    now: datetime
    room: Room
    data_dir: Path
    digests: ClipDigests
    _sha256: str = ""
    _placed: list[PlacedSegment] = field(default_factory=list)
    _erase: Erase = field(default_factory=Erase)
    _volumes: Volumes | None = None

    @property
    def bytes(self) -> int:
        """Size of the whole."""
        return sum(len(segment) for segment in self.segments)

    def prepare(self, connection: sqlite3.Connection, volumes: Volumes) -> None:
        """Write the segments that are not durable yet."""
        self._sha256 = self.digests.of(self.begun.clip_id, self.segments)
        self._volumes, self._placed = volumes, []
        durable, last = len(clips.segments(connection, self.begun.clip_id)), len(self.segments) - 1
        for idx in range(durable, last + 1):
            about = self._stored().model_dump_json() if idx == last else None
            about = self.begun.model_dump_json() if idx == 0 else about
            self._placed.append(_put(volumes, self.begun.clip_id, idx, self.segments[idx], about))
        self._erase.prepare(connection, volumes)

    def unit(self, connection: sqlite3.Connection) -> int:
        """Name them and tell the hub; how many clips had to go."""
        self._erase.unit(connection)
        known = len(clips.segments(connection, self.begun.clip_id))
        for placed in (placed for placed in self._placed if placed.idx >= known):
            clips.add_segment(connection, self.begun, placed, self.segments[placed.idx], self.now)
        clips.finish(connection, self._stored(), self.now)
        self.digests.forget(self.begun.clip_id)
        available = available_bytes(connection, self._volumes, self.data_dir)
        return self.room.make(connection, available, self.now, self.begun.clip_id)

    def abandon(self, connection: sqlite3.Connection) -> None:
        """The ledger refused: the bytes are to leave again."""
        _disown(connection, self._placed)

    def _stored(self) -> ClipStored:
        return promised(self.begun, self.bytes, self._sha256, self.ended_at)


@dataclass
class MakeRoom:
    """Lets clips go for `extra` bytes that the disk refused."""

    room: Room
    now: datetime
    extra: int
    data_dir: Path
    _volumes: Volumes | None = None

    def prepare(self, connection: sqlite3.Connection, volumes: Volumes) -> None:
        """Only looks."""
        self._volumes = volumes

    def unit(self, connection: sqlite3.Connection) -> int:
        """How many clips went."""
        available = available_bytes(connection, self._volumes, self.data_dir)
        return self.room.make(connection, available, self.now, extra=self.extra)


def available_bytes(connection: sqlite3.Connection, volumes: Volumes | None, data_dir: Path) -> int | None:
    """What the disk and the volumes can still take; None where the disk cannot be asked."""
    try:
        disk = os.statvfs(data_dir)
    except OSError:
        return None
    reusable = volumes.reusable_bytes if volumes is not None else 0
    return disk.f_bavail * disk.f_frsize + reusable + retention.pending_erasure_bytes(connection)


def _put(volumes: Volumes, clip_id: str, idx: int, data: bytes, about: str | None) -> PlacedSegment:
    sha256 = hashlib.sha256(data).digest()
    return PlacedSegment(idx, volumes.put(clip_id, idx, data, sha256, about), len(data), sha256)


def _disown(connection: sqlite3.Connection, placed: Sequence[PlacedSegment]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO erasures (volume, row, size) VALUES (?, ?, ?)",
        [(*segment.place, segment.size) for segment in placed],
    )
    connection.executemany("UPDATE meta SET last_row = max(last_row, ?)", [(segment.place.row,) for segment in placed])
