"""Volumes: the files that clips' bytes live in (docs/design/clip-store.md, How the files stay bounded).

One row a segment, numbered for ever upwards over all volumes. A volume knows nothing of the ledger, but enough of its
clips to rebuild one: the first row of a clip says what it is, the last one what was promised to the hub.
"""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from vigie_agent.store.database import BUSY_TIMEOUT_SECONDS, is_malformed
from vigie_shared.errors import StoreError
from vigie_shared.i18n import gettext as _

log = structlog.get_logger(__name__)

FOLDER: Final = "volumes"
PAGE_BYTES: Final = 32 * 1024
BYTES_MAX: Final = 1024**3
BYTES_MIN: Final = 64 * 1024**2
_CACHE_KIB: Final = 2048
_JOURNAL_BYTES_MAX: Final = 1024**2
_PRAGMAS: Final = (
    f"page_size = {PAGE_BYTES}",
    "auto_vacuum = NONE",
    "journal_mode = PERSIST",
    f"journal_size_limit = {_JOURNAL_BYTES_MAX}",
    "synchronous = FULL",
    "secure_delete = OFF",
)
_NAME: Final = re.compile(r"(\d{6,})\.db")
_CREATE: Final = """
CREATE TABLE IF NOT EXISTS segments (
    row     INTEGER PRIMARY KEY,
    clip_id TEXT NOT NULL,
    idx     INTEGER NOT NULL,
    sha256  BLOB NOT NULL,
    about   TEXT,              -- JSON: what the clip is (its first row), what was promised of it (its last one)
    bytes   BLOB NOT NULL
)
"""


class Place(NamedTuple):
    """Where a segment lies."""

    volume: int
    row: int


class StoredSegment(NamedTuple):
    """What a volume says of one of its rows."""

    place: Place
    clip_id: str
    idx: int
    sha256: bytes
    about: str | None
    size: int


def bytes_max_for(keep_bytes_max: int) -> int:
    """How large a volume may become: a sixteenth of all, within limits."""
    return max(BYTES_MIN, min(BYTES_MAX, keep_bytes_max // 16))


def path_of(data_dir: Path, volume: int) -> Path:
    """The file of a volume."""
    return data_dir / FOLDER / f"{volume:06d}.db"


def journal_of(path: Path) -> Path:
    """Where SQLite notes what a volume held before a transaction."""
    return path.with_name(f"{path.name}-journal")


def numbers(data_dir: Path) -> list[int]:
    """The volumes that are there, oldest first."""
    folder = data_dir / FOLDER
    names = (_NAME.fullmatch(file.name) for file in folder.iterdir()) if folder.is_dir() else ()
    return sorted(int(name[1]) for name in names if name)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open one volume; a reader too takes part in SQLite's locking, and rolls back what a crash left half done."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    return connection


@dataclass
class _Volume:
    number: int
    path: Path
    connection: sqlite3.Connection | None = None
    used_bytes: int = 0
    pending_bytes: int = 0
    file_bytes: int = 0
    is_sealed: bool = False
    """SQLite found it malformed, or its disk failed there: nothing is written to it any more."""

    def open(self) -> sqlite3.Connection:
        if self.connection is None:
            connection = connect(self.path, "rwc")
            try:
                for pragma in _PRAGMAS:
                    connection.execute(f"PRAGMA {pragma}")
                connection.execute(_CREATE)
            except BaseException:
                connection.close()
                raise
            self.connection = connection
        return self.connection

    @property
    def in_transaction(self) -> bool:
        return self.connection is not None and self.connection.in_transaction

    def begin(self) -> sqlite3.Connection:
        connection = self.open()
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
        return connection

    def measure(self) -> None:
        connection = self.open()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        self.pending_bytes = 0
        self.file_bytes, self.used_bytes = pages * PAGE_BYTES, (pages - free) * PAGE_BYTES

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@dataclass
class Volumes:
    """All volumes of a store, as its writer's thread sees them. Methods raise sqlite3.Error or OSError."""

    data_dir: Path
    volume_bytes_max: int
    _volumes: dict[int, _Volume] = field(default_factory=dict)
    _current: int = 0
    _row: int = 0
    _fresh: dict[tuple[str, int], Place] = field(default_factory=dict)
    _orphans: list[Place] = field(default_factory=list)
    _leaving: list[Place] = field(default_factory=list)
    _erased: set[int] = field(default_factory=set)

    def open(self, last_row: int, last_volume: int = 0) -> None:
        """Look at what is there; rows above `last_row` were never named by the ledger."""
        _make_folder(self.data_dir / FOLDER)
        self._row, self._current = last_row, max([last_volume, *numbers(self.data_dir)])
        for number in numbers(self.data_dir):
            volume = self._volumes[number] = _Volume(number, path_of(self.data_dir, number))
            try:
                volume.measure()
                self._row = max(self._row, newest_row(volume.open()))
            except sqlite3.Error as error:
                self._seal(volume, error)
            if number != self._current:
                volume.close()

    @property
    def reusable_bytes(self) -> int:
        """What can be written before a file must grow."""
        return sum(volume.file_bytes - volume.used_bytes for volume in self._writable())

    @property
    def file_bytes(self) -> int:
        """What the volumes take of the disk."""
        return sum(volume.file_bytes for volume in self._volumes.values())

    def put(self, clip_id: str, idx: int, data: bytes, sha256: bytes, about: str | None) -> Place:
        """Write a segment into whichever volume has room; durable after `commit`. Twice in one group is once."""
        if (clip_id, idx) in self._fresh:
            return self._fresh[clip_id, idx]
        volume = self._with_room(len(data))
        place = Place(volume.number, self._row + 1)
        with self._guarded(volume):
            volume.begin().execute(
                "INSERT INTO segments (row, clip_id, idx, sha256, about, bytes) VALUES (?, ?, ?, ?, ?, ?)",
                (place.row, clip_id, idx, sha256, about, data),
            )
        self._row = place.row
        volume.pending_bytes += _pages_bytes(len(data))
        self._fresh[clip_id, idx] = place
        return place

    def erase(self, places: Iterable[Place]) -> None:
        """Let these bytes go with the next `commit`, behind all that is put: a page that is freed and used again in one
        transaction must go through the journal. Places that are empty already are no error.
        """
        self._leaving += places

    def commit(self) -> None:
        """Make durable what was put since the last commit, and erase what must not stay."""
        orphans, self._orphans = self._orphans, []
        leaving, self._leaving = self._leaving, []
        try:
            self._delete({*orphans, *leaving})
            for volume in self._open_ones():
                if volume.in_transaction:
                    with self._guarded(volume):
                        volume.open().execute("COMMIT")
                        volume.measure()
        except (sqlite3.Error, StoreError):
            self._orphans = orphans
            raise

    def rollback(self) -> None:
        """Take back what was not committed; what was is nobody's, and goes with the next commit."""
        self._leaving.clear()
        for volume in self._open_ones():
            volume.pending_bytes = 0
            if volume.in_transaction:
                with contextlib.suppress(sqlite3.Error):  # where it fails, the next one to open the file rolls back
                    volume.open().execute("ROLLBACK")
            volume.close()
        self._orphans += self._fresh.values()
        self._fresh.clear()

    def accept(self) -> None:
        """The ledger names what was committed: it stays. Volumes that became empty go."""
        self._fresh.clear()
        for number in sorted(self._erased - {self._current}):
            self._drop_if_empty(self._volumes[number])
        self._erased.clear()
        for volume in self._open_ones():
            if volume.number != self._current:
                volume.close()

    def close(self) -> None:
        """Let the files go."""
        for volume in self._volumes.values():
            volume.close()

    def read(self, place: Place) -> bytes | None:
        """A segment's bytes; None where they are not there."""
        volume = self._volumes.get(place.volume)
        return read_segment(volume.open(), place.row) if volume is not None and not volume.is_sealed else None

    def all_rows(self) -> list[StoredSegment]:
        """Everything that can be read, without the bytes."""
        found: list[StoredSegment] = []
        for volume in self._writable():
            try:
                found += rows(volume.open(), volume.number)
            except sqlite3.Error as error:
                self._seal(volume, error)
        return found

    def unnamed(self, last_row: int) -> list[StoredSegment]:
        """Rows above `last_row`: committed here, never named by the ledger."""
        found: list[StoredSegment] = []
        for volume in self._writable():
            found += rows(volume.open(), volume.number, last_row)
        return found

    def _delete(self, places: Iterable[Place]) -> None:
        for place in sorted(places):
            volume = self._volumes.get(place.volume)
            if volume is None or volume.is_sealed:
                continue
            with self._guarded(volume):
                volume.begin().execute("DELETE FROM segments WHERE row = ?", (place.row,))
            self._erased.add(place.volume)

    def _with_room(self, size: int) -> _Volume:
        needed = _pages_bytes(size)
        current = self._volumes.get(self._current)
        if current is not None and not current.is_sealed and self._room(current) >= needed:
            return current
        roomiest = max(self._writable(), key=self._room, default=None)
        if roomiest is None or self._room(roomiest) < max(needed, self.volume_bytes_max // 16):
            number = max([self._current, *self._volumes]) + 1
            roomiest = self._volumes[number] = _Volume(number, path_of(self.data_dir, number))
        self._current = roomiest.number
        return roomiest

    def _room(self, volume: _Volume) -> int:
        return self.volume_bytes_max - volume.used_bytes - volume.pending_bytes

    def _writable(self) -> Iterator[_Volume]:
        return (volume for volume in self._volumes.values() if not volume.is_sealed)

    def _open_ones(self) -> list[_Volume]:
        return [volume for volume in self._volumes.values() if volume.connection is not None]

    @contextlib.contextmanager
    def _guarded(self, volume: _Volume) -> Iterator[None]:
        """A file that is malformed, or on a bad spot of the disk, is left alone from then on."""
        try:
            yield
        except sqlite3.Error as error:
            if not (is_malformed(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR):
                raise
            self._seal(volume, error)
            raise VolumeSealedError(_("volume {path}: {reason}").format(path=volume.path.name, reason=error)) from error

    def _seal(self, volume: _Volume, error: sqlite3.Error) -> None:
        log.error("volume takes no more writes", volume=volume.path.name, reason=str(error))
        volume.is_sealed = True
        volume.close()

    def _drop_if_empty(self, volume: _Volume) -> None:
        if volume.is_sealed or newest_row(volume.open()):
            return
        volume.close()
        volume.path.unlink(missing_ok=True)
        journal_of(volume.path).unlink(missing_ok=True)
        del self._volumes[volume.number]


class VolumeSealedError(StoreError):
    """A volume turned out to be malformed; the next try goes to another one."""


def newest_row(connection: sqlite3.Connection) -> int:
    """The highest row of a volume, 0 where it is empty."""
    (row,) = connection.execute("SELECT coalesce(max(row), 0) FROM segments").fetchone()
    return int(row)


def rows(connection: sqlite3.Connection, volume: int, after_row: int = 0) -> list[StoredSegment]:
    """What a volume holds above `after_row`, without the bytes."""
    found = connection.execute(
        "SELECT row, clip_id, idx, sha256, about, length(bytes) FROM segments WHERE row > ? ORDER BY row", (after_row,)
    )
    return [StoredSegment(Place(volume, row), *rest) for row, *rest in found]


def read_segment(connection: sqlite3.Connection, row: int) -> bytes | None:
    """The bytes of a row; None where there is none."""
    found = connection.execute("SELECT bytes FROM segments WHERE row = ?", (row,)).fetchone()
    return bytes(found[0]) if found else None


def stored_size(connection: sqlite3.Connection, row: int) -> int | None:
    """How many bytes a row has, from its header; None where there is none."""
    found = connection.execute("SELECT length(bytes) FROM segments WHERE row = ?", (row,)).fetchone()
    return int(found[0]) if found else None


def _make_folder(folder: Path) -> None:
    """SQLite syncs the folder of each file that it makes, but nobody the name of the folder itself."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700)
    descriptor = os.open(folder.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _pages_bytes(size: int) -> int:
    return (-(-size // PAGE_BYTES) + 1) * PAGE_BYTES
