"""The scrub: looks whether all that the ledger names is there, as large, and as it was (`vigie agent store check`)."""

import enum
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vigie_agent.store import check, volumes
from vigie_agent.store.clips import Segment
from vigie_agent.store.reader import DamagedSegmentError, Reader
from vigie_shared.errors import StoreError

FindingKind = Literal["invariant", "ledger", "volume", "segment", "clip", "orphan"]


class Level(enum.IntEnum):
    """How closely to look; each does what those before it do."""

    PRESENCE = 1
    """The ledger holds together, and all that it names is there."""
    SIZE = 2
    """… and as large as it was."""
    DIGEST = 3
    """… and answers to its digest."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    kind: FindingKind
    detail: str
    clip_id: str | None = None
    segment: int | None = None
    place: volumes.Place | None = None


class Scrub:
    """Only reads; may run beside the agent, so what has just left is no finding."""

    def __init__(self, reader: Reader, data_dir: Path, on_bytes: Callable[[int], None] = lambda count: None) -> None:
        """`on_bytes` hears how many bytes of clips were looked at."""
        self._reader = reader
        self._data_dir = data_dir
        self._on_bytes = on_bytes

    def run(self, level: Level) -> Iterator[Finding]:
        """What is found, clip by clip; raises StoreError where the ledger cannot be read."""
        yield from self._ledger()
        yield from self._volumes()
        for clip_id in self.clip_ids():
            yield from self._clip(clip_id, level)

    def clip_ids(self) -> list[str]:
        """All finished clips that are kept, oldest first."""

        def ask(connection: sqlite3.Connection) -> list[str]:
            query = "SELECT clip_id FROM clips WHERE removed_at IS NULL AND sha256 IS NOT NULL ORDER BY seq"
            return [clip_id for (clip_id,) in connection.execute(query)]

        return self._reader.ask(ask)

    def _ledger(self) -> Iterator[Finding]:
        for (line,) in self._reader.ask(lambda connection: connection.execute("PRAGMA quick_check(20)").fetchall()):
            if line != "ok":
                yield Finding("ledger", str(line))
        for what in self._reader.ask(check.broken):
            yield Finding("invariant", what)

    def _volumes(self) -> Iterator[Finding]:
        """Rows that nothing names; what came while we looked is above the last row that the ledger knew before."""
        (last_row,) = self._reader.ask(lambda ledger: ledger.execute("SELECT last_row FROM meta").fetchone())
        for number in volumes.numbers(self._data_dir):
            path = volumes.path_of(self._data_dir, number)
            try:
                with closing(volumes.connect(path, "ro")) as connection:
                    stored = volumes.rows(connection, number)
            except sqlite3.Error as error:
                yield Finding("volume", f"{path.name}: {error}")
                continue
            named = self._reader.ask(partial(_named, volume=number))
            for row in stored:
                if row.place not in named and row.place.row <= last_row:
                    detail = f"{path.name}: {row.size} bytes of clip {row.clip_id} that nothing names"
                    yield Finding("orphan", detail, row.clip_id, row.idx, row.place)

    def _clip(self, clip_id: str, level: Level) -> Iterator[Finding]:
        whole, sound = hashlib.sha256(), True
        for segment in self._reader.segments(clip_id):
            try:
                data = self._look(clip_id, segment, level)
            except DamagedSegmentError as error:
                sound = False
                yield Finding("segment", str(error), clip_id, segment.idx, segment.place)
            except StoreError:  # it made way while we looked
                return
            else:
                whole.update(data)
            self._on_bytes(segment.size)
        promise = self._reader.promise(clip_id)
        if level == Level.DIGEST and sound and promise is not None and whole.hexdigest() != promise[1]:
            yield Finding("clip", f"clip {clip_id}: its segments do not add up to its digest", clip_id)

    def _look(self, clip_id: str, segment: Segment, level: Level) -> bytes:
        if level == Level.DIGEST:
            return self._reader.segment_bytes(clip_id, segment)
        size = self._reader.stored_size(clip_id, segment)
        if level >= Level.SIZE and size != segment.size:
            raise DamagedSegmentError(clip_id, segment, f"{size} ≠ {segment.size}")
        return b""


def _named(connection: sqlite3.Connection, volume: int) -> set[volumes.Place]:
    rows = connection.execute(
        "SELECT row FROM segments WHERE volume = ?1 UNION ALL SELECT row FROM erasures WHERE volume = ?1", (volume,)
    )
    return {volumes.Place(volume, row) for (row,) in rows}
