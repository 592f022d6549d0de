"""New rows of `plate_reads`, gathered over the batches of a transaction; and which of them are on the hotlist."""

import json
import sqlite3
from collections.abc import Iterator
from itertools import repeat
from typing import Final

from vigie_hub.sync.stored import event_id_of
from vigie_shared.columns.events import Group
from vigie_shared.ids import raw

_INSERT: Final = (
    "INSERT INTO plate_reads (text, read_id, agent_id, camera_id, uncertain, event_id)"
    " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_HOTLIST_SMALL: Final = 2000
"""So many plates are read faster than a transaction's reads are looked up."""
_PLATES: Final = "SELECT text FROM hotlist WHERE removed_at IS NULL LIMIT ?"
_PLATES_AMONG: Final = (
    "SELECT value FROM json_each(?)"
    " WHERE EXISTS (SELECT 1 FROM hotlist WHERE hotlist.text = value AND removed_at IS NULL)"
)
_IS_KEPT: Final = "SELECT 1 FROM plate_reads WHERE text = ? AND read_id = ? AND event_id = ?"
Row = tuple[str, bytes, str, str, int, int]


class Reads:
    """Gathers reads, then writes them all; one that is known by its id already is left out."""

    def __init__(self) -> None:
        self._rows: list[Row] = []

    def add(self, agent_id: str, group: Group, batch_id: int, first: int, last: int) -> None:
        """Take the reads at places `first … last` of a batch, which are stored as row `batch_id` from place 0 on."""
        columns, base = group.columns, event_id_of(batch_id, 0) - first
        rows = zip(
            columns["text"],
            map(raw, columns["read_id"]),
            repeat(agent_id),
            columns["camera_id"],
            map(int, columns["uncertain"]),  # the driver is slow with bools
            map(base.__add__, group.places),
            strict=False,
        )
        if first <= group.places[0] and group.places[-1] <= last:
            self._rows += rows
        else:
            self._rows += [row for row, place in zip(rows, group.places, strict=True) if first <= place <= last]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write them."""
        connection.executemany(_INSERT, self._rows)

    def listed(self, connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
        """Agent and event id of each that is sure, on the hotlist, and was not there before; after `insert`."""
        hot = self._hot(connection) if self._rows else ()
        for text, read_id, agent_id, _camera_id, uncertain, event_id in self._rows if hot else ():
            if text in hot and not uncertain and connection.execute(_IS_KEPT, (text, read_id, event_id)).fetchone():
                yield agent_id, event_id

    def _hot(self, connection: sqlite3.Connection) -> set[str]:
        """The plates on the hotlist: all, or those among these reads where that is less work."""
        found = connection.execute(_PLATES, (_HOTLIST_SMALL,)).fetchall()
        if len(found) == _HOTLIST_SMALL:
            texts = json.dumps([row[0] for row in self._rows], ensure_ascii=False)
            found = connection.execute(_PLATES_AMONG, (texts,)).fetchall()
        return {row[0] for row in found}
