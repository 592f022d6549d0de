"""A ledger that is damaged is put aside and built anew from what the volumes say of themselves."""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from vigie_agent.store import clips, outbox, recovery
from vigie_agent.store.clips import PlacedSegment
from vigie_agent.store.database import FILE_NAME, DamagedLedgerError, open_writer
from vigie_agent.store.files import StoreFiles
from vigie_agent.store.lock import StoreLock
from vigie_agent.store.volumes import StoredSegment, Volumes, bytes_max_for
from vigie_shared.events import EVENT, AnyEvent, ClipStored
from vigie_shared.ids import unique_id

log = structlog.get_logger(__name__)


def opened(data_dir: Path, agent_id: str, keep_bytes_max: int, now: datetime) -> StoreFiles:
    """The store's files; a ledger that is damaged is built anew first."""
    try:
        return StoreFiles(data_dir, agent_id, keep_bytes_max)
    except DamagedLedgerError:
        mend(data_dir, agent_id, now)
        return StoreFiles(data_dir, agent_id, keep_bytes_max)


def mend(data_dir: Path, agent_id: str, now: datetime) -> bool:
    """Rebuild the ledger where it is damaged; whether it was. StoreError where an agent runs."""
    with StoreLock(data_dir):
        if _is_sound(data_dir, agent_id):
            return False
        aside = _put_aside(data_dir, now)
        log.error("the ledger is damaged: it is built anew from the volumes", aside=aside.name)
        saved = _Saved(aside)
        with closing(open_writer(data_dir, agent_id)) as connection:
            volumes = Volumes(data_dir, bytes_max_for(0))
            volumes.open(0)
            try:
                kept = _refill(connection, volumes, saved, now)
            finally:
                volumes.close()
        log.info("ledger built anew", clips=kept, events=len(saved.events), holds=len(saved.holds))
    return True


def _is_sound(data_dir: Path, agent_id: str) -> bool:
    try:
        with closing(open_writer(data_dir, agent_id)) as connection:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
    except (DamagedLedgerError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        return False


def _put_aside(data_dir: Path, now: datetime) -> Path:
    suffix = f".damaged-{now:%Y%m%dT%H%M%S}-{unique_id(now)[-4:]}"
    for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
        with suppress(FileNotFoundError):
            (data_dir / name).rename(data_dir / name.replace(FILE_NAME, FILE_NAME + suffix))
    return data_dir / (FILE_NAME + suffix)


class _Saved:
    """What can be read of a damaged ledger: events that the hub may lack, pictures, holds, classes."""

    def __init__(self, path: Path) -> None:
        self.events: list[AnyEvent] = []
        self.crops: dict[str, tuple[Any, ...]] = {}
        self.holds: list[tuple[Any, ...]] = []
        self.kept_as: dict[str, int] = {}
        uri = f"{path.absolute().as_uri()}?mode=rw"
        with suppress(sqlite3.Error), closing(sqlite3.connect(uri, uri=True)) as connection:
            self._read(connection)

    def _read(self, connection: sqlite3.Connection) -> None:
        holds = "SELECT clip_id, kind, reason, until, placed_at FROM holds WHERE released_at IS NULL"
        self.holds = list(_readable(connection, holds))
        self.kept_as = dict(_readable(connection, "SELECT clip_id, kept_as FROM clips WHERE kept_as > 0"))
        self.crops = {row[0]: row for row in _readable(connection, "SELECT read_id, at, jpeg, motion_id FROM crops")}
        unsent = (
            "SELECT body FROM outbox JOIN events USING (event_id) LEFT JOIN receipts r USING (lane)"
            " WHERE lane <> 'clip' AND outbox.seq > coalesce(r.seq, 0) ORDER BY lane, outbox.seq"
        )
        self.events = [EVENT.validate_json(body) for (body,) in _readable(connection, unsent)]


def _readable(connection: sqlite3.Connection, query: str) -> Iterator[tuple[Any, ...]]:
    """Rows up to the first that cannot be read."""
    try:
        yield from connection.execute(query)
    except sqlite3.Error as error:
        log.error("part of the damaged ledger cannot be read", reason=str(error))


def _refill(connection: sqlite3.Connection, volumes: Volumes, saved: _Saved, now: datetime) -> int:
    by_clip: dict[str, list[StoredSegment]] = defaultdict(list)
    for stored in volumes.all_rows():
        by_clip[stored.clip_id].append(stored)
    connection.execute("BEGIN IMMEDIATE")
    kept = sum(_register(connection, volumes, rows, now) for _id, rows in sorted(by_clip.items()))
    for clip_id, kept_as in saved.kept_as.items():
        clips.keep_as(connection, clip_id, clips.KEPT_AS[kept_as])
    for hold in saved.holds:
        connection.execute(
            "INSERT INTO holds (clip_id, kind, reason, until, placed_at) SELECT ?1, ?2, ?3, ?4, ?5"
            " WHERE EXISTS (SELECT 1 FROM clips WHERE clip_id = ?1)",
            hold,
        )
    connection.executemany(
        "INSERT OR IGNORE INTO crops (read_id, at, jpeg, motion_id) VALUES (?, ?, ?, ?)", list(saved.crops.values())
    )
    for event in saved.events:
        outbox.append(connection, event)
    newest = max((stored.place.row for rows in by_clip.values() for stored in rows), default=0)
    connection.execute("UPDATE meta SET last_row = ?", (newest,))
    connection.execute("COMMIT")
    return kept


def _register(connection: sqlite3.Connection, volumes: Volumes, rows: list[StoredSegment], now: datetime) -> bool:
    """Enter one clip: whole under its promise, else what plays of it under a new name, for the old one is promised."""
    unique = {stored.idx: stored for stored in sorted(rows, key=lambda stored: stored.place.row)}
    begun = recovery.about_begun(unique[0].about) if 0 in unique else None
    if begun is None:
        return False
    whole, sound = hashlib.sha256(), []
    for idx in range(len(unique)):
        data = volumes.read(unique[idx].place) if idx in unique else None
        if data is None or hashlib.sha256(data).digest() != unique[idx].sha256:
            break
        whole.update(data)
        sound.append((unique[idx], data))
    promise = _promise(unique[max(unique)].about)
    is_whole = len(sound) == len(unique) and promise is not None and promise.sha256 == whole.hexdigest()
    if not is_whole and len(sound) < 2:
        return False
    if promise is not None and not is_whole:
        begun = begun.model_copy(update={"clip_id": unique_id(begun.at)})
    for stored, data in sound:
        placed = PlacedSegment(stored.idx, stored.place, len(data), stored.sha256)
        clips.add_segment(connection, begun, placed, data, now)
    (ended_at,) = connection.execute("SELECT ended_at FROM clips WHERE clip_id = ?", (begun.clip_id,)).fetchone()
    size = sum(len(data) for _stored, data in sound)
    partial = recovery.promised(begun, size, whole.hexdigest(), datetime.fromisoformat(ended_at))
    clips.finish(connection, promise if is_whole and promise is not None else partial, now)
    return True


def _promise(about: str | None) -> ClipStored | None:
    if about is None or json.loads(about).get("kind") != "clip_stored":
        return None
    return ClipStored.model_validate_json(about)
