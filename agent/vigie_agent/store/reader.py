"""Reads of the store: a connection of its own, shared by threads, that never blocks the writer."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from vigie_agent.store import clips, outbox
from vigie_agent.store.database import open_reader
from vigie_shared.errors import StoreError
from vigie_shared.events import Lane
from vigie_shared.i18n import gettext as _
from vigie_shared.transfer import Manifest

T = TypeVar("T")
CHUNK_BYTES_MAX: Final = 256 * 1024


@dataclass(frozen=True)
class Counts:
    """What the store holds now."""

    clips: int
    clips_bytes: int
    motion_events: int
    plate_reads: int


class Reader:
    """All methods block; call them in a thread. They raise StoreError where the disk cannot be read."""

    def __init__(self, data_dir: Path) -> None:
        self._connection = open_reader(data_dir)
        self._lock = threading.Lock()
        self.agent_id, self.epoch = self._ask(
            lambda connection: connection.execute("SELECT agent_id, epoch FROM meta").fetchone()
        )

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

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
        """What a kept clip is; None where it is not kept."""
        return self._ask(lambda connection: clips.manifest(connection, clip_id))

    def read(self, clip_id: str, offset: int, length: int) -> Iterator[bytes]:
        """Exactly the clip's bytes [offset, offset + length), in chunks; StoreError where the clip goes meanwhile."""
        end = offset + length
        while offset < end:
            at = offset
            found = self._ask(lambda connection: clips.segment_at(connection, clip_id, at))  # noqa: B023 — called at once
            if found is None:
                raise StoreError(_("clip {clip}: byte {offset} is not kept here").format(clip=clip_id, offset=offset))
            first_byte, data = found
            part = memoryview(data)[offset - first_byte : end - first_byte]
            for start in range(0, len(part), CHUNK_BYTES_MAX):
                yield bytes(part[start : start + CHUNK_BYTES_MAX])
            offset += len(part)

    def counts(self) -> Counts:
        """Clips and events that are kept now."""

        def ask(connection: sqlite3.Connection) -> Counts:
            kept, kept_bytes = clips.counts(connection)
            kinds = dict(connection.execute("SELECT kind, count(*) FROM events GROUP BY kind"))
            return Counts(kept, kept_bytes, kinds.get("motion_started", 0), kinds.get("plate_read", 0))

        return self._ask(ask)

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            with self._lock:
                return question(self._connection)
        except sqlite3.Error as error:
            raise StoreError(_("the store cannot be read: {reason}").format(reason=error)) from error
