"""Plate reads: gathered over the batches of a transaction, put down in runs, later sorted into their tree; and which of
them are on the hotlist.

A run is the reads of one batch in one row: durable at once, and a fraction of the work of a row each. `index_some`
moves runs into the tree, many reads at once and in its order. The view `plate_reads` knows both.
"""

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress, takewhile
from typing import Final

from pydantic_core import to_json

from vigie_hub.sync.stored import event_id_of
from vigie_shared.columns.events import Group

_INSERT: Final = "INSERT INTO read_index (text, at, event_id) VALUES (?, ?, ?)"
_INSERT_RUN: Final = "INSERT INTO read_runs (event_id, count, texts, ats) VALUES (?, ?, ?, ?)"
_UNTOLD: Final = "\\u0000"
"""SQLite ends a JSON text at a zero character: reads with one go into the tree as they are."""
_HOTLIST_SMALL: Final = 2000
"""So many plates are read faster than a transaction's reads are looked up."""
_PLATES: Final = "SELECT text FROM hotlist WHERE removed_at IS NULL LIMIT ?"
_PLATES_AMONG: Final = (
    "SELECT value FROM json_each(?)"
    " WHERE EXISTS (SELECT 1 FROM hotlist WHERE hotlist.text = value AND removed_at IS NULL)"
)
RUNS_MAX: Final = 1024
READS_MAX: Final = 16_384
"""So many wait to be put into the tree, and go there in one transaction: a few hundredths of a second."""
Run = tuple[int, Sequence[str], Sequence[int]]
"""Event id of the first read, the plates, the times in microseconds."""


class Reads:
    """Gathers reads, then writes them all."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def add(self, group: Group, batch_id: int, first: int, last: int) -> None:
        """Take the reads at places `first … last` of a batch, which are stored as row `batch_id` from place 0 on."""
        places, texts, ats = group.places, group.columns["text"], group.columns["at"]
        base = event_id_of(batch_id, 0) - first
        if first <= places[0] and places[-1] - places[0] == len(places) - 1 and places[-1] <= last:
            self._runs.append((base + places[0], texts, ats))
            return
        for place, text, at in zip(places, texts, ats, strict=True):
            if first <= place <= last:
                self._runs.append((base + place, [text], [at]))

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write them."""
        rows = []
        for event_id, texts, ats in self._runs:
            told = to_json(texts).decode()
            if _UNTOLD in told:
                for place, (text, at) in enumerate(zip(texts, ats, strict=True)):
                    insert_read(connection, text, at, event_id + place)
            else:
                rows.append((event_id, len(texts), told, _packed(ats)))
        connection.executemany(_INSERT_RUN, rows)

    def listed(self, connection: sqlite3.Connection) -> Iterator[int]:
        """Event id of each whose plate is on the hotlist."""
        hot = self._hot(connection) if self._runs else set()
        for event_id, texts, _ats in self._runs if hot else ():
            if not hot.isdisjoint(texts):
                yield from compress(range(event_id, event_id + len(texts)), map(hot.__contains__, texts))

    def _hot(self, connection: sqlite3.Connection) -> set[str]:
        """The plates on the hotlist: all, or those among these reads where that is less work."""
        found = connection.execute(_PLATES, (_HOTLIST_SMALL,)).fetchall()
        if len(found) == _HOTLIST_SMALL:
            texts = to_json([text for _event_id, texts, _ats in self._runs for text in texts]).decode()
            found = connection.execute(_PLATES_AMONG, (texts,)).fetchall()
        return {row[0] for row in found}


def insert_read(connection: sqlite3.Connection, text: str, at_us: int, event_id: int) -> None:
    """One read straight into the tree; twice is once."""
    connection.execute(f"{_INSERT} ON CONFLICT DO NOTHING", (text, _packed([at_us])[2:], event_id))


def _packed(ats_us: Sequence[int]) -> bytes:
    """Milliseconds in 8 bytes each, so that they sort; what a stranger dates before 1970 is of its first day."""
    return struct.pack(f">{len(ats_us)}Q", *[at // 1000 if at > 0 else 0 for at in ats_us])


def is_much_unindexed(connection: sqlite3.Connection) -> bool:
    """Whether so many reads wait that it is time for `index_some`."""
    runs, reads = connection.execute("SELECT count(*), coalesce(sum(count), 0) FROM read_runs").fetchone()
    return bool(runs >= RUNS_MAX or reads >= READS_MAX)


def index_some(connection: sqlite3.Connection) -> bool:
    """Put the oldest runs into the tree, up to about `READS_MAX` reads, within the caller's transaction; False where
    none was left.
    """
    runs = connection.execute("SELECT event_id, count FROM read_runs ORDER BY event_id LIMIT ?", (RUNS_MAX,)).fetchall()
    if not runs:
        return False
    fitting = [*takewhile(READS_MAX.__ge__, accumulate(count for _event_id, count in runs))]
    last = runs[max(len(fitting), 1) - 1][0]
    connection.execute(
        "INSERT INTO read_index (text, at, event_id)"
        " SELECT text, at, event_id FROM read_runs_told WHERE run_id <= ? ORDER BY 1, 2, 3",
        (last,),
    )
    connection.execute("DELETE FROM read_runs WHERE event_id <= ?", (last,))
    return True
