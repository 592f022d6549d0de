"""Epochs: one store, one row of events. A store that was restored from a copy of itself begins another."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from vigie_agent.store.database import stamp
from vigie_shared.events import LANES, Lane
from vigie_shared.marks import mark

_ASIDE: Final = 1 << 52
"""Farther below 0 than any place."""


@dataclass(frozen=True)
class Arrived:
    """What the hub has of a lane of the epoch that ends: all up to a place, and single ones after it."""

    up_to: int = 0
    more: frozenset[int] = frozenset()

    def __contains__(self, seq: int) -> bool:
        return seq <= self.up_to or seq in self.more


def note_opening(connection: sqlite3.Connection) -> None:
    """The store was opened: what it writes from here on, another copy of it may have written otherwise."""
    connection.execute("INSERT OR IGNORE INTO openings (lane, seq) SELECT lane, newest + 1 FROM lanes")


def openings(connection: sqlite3.Connection) -> dict[Lane, list[int]]:
    """The places that are still to be compared with the hub's, in order."""
    found: dict[Lane, list[int]] = {lane: [] for lane in LANES}
    for lane, seq in connection.execute("SELECT lane, seq FROM openings ORDER BY lane, seq"):
        if lane in found:
            found[lane].append(seq)
    return found


def note_same(connection: sqlite3.Connection, places: Iterable[tuple[Lane, int]]) -> None:
    """There the hub has what this store has."""
    connection.executemany("DELETE FROM openings WHERE lane = ? AND seq = ?", list(places))


def marks(connection: sqlite3.Connection, places: Mapping[Lane, Iterable[int]]) -> dict[tuple[Lane, int], int]:
    """The marks of events that are still here."""
    query = "SELECT body FROM outbox JOIN events USING (event_id) WHERE lane = ? AND seq = ?"
    asked = [(lane, seq) for lane, seqs in places.items() for seq in seqs]
    rows = {place: connection.execute(query, place).fetchone() for place in asked}
    return {place: mark(json.loads(row[0])) for place, row in rows.items() if row}


def begin(
    connection: sqlite3.Connection, epoch: str, arrived: Mapping[Lane, Arrived], now: datetime
) -> dict[Lane, int]:
    """From now on the store is of another epoch: what the hub lacks is told from 1 on. How much that is, by lane."""
    rows = connection.execute("SELECT lane, seq, event_id FROM outbox ORDER BY lane, seq").fetchall()
    connection.execute("UPDATE outbox SET seq = -? - event_id", (_ASIDE,))
    told: dict[Lane, int] = {}
    for lane in LANES:
        of_lane = [(seq, event_id) for its, seq, event_id in rows if its == lane]
        known = [row for row in of_lane if row[0] in arrived.get(lane, Arrived())]
        unknown = [row for row in of_lane if row[0] not in arrived.get(lane, Arrived())]
        places = [*range(1 - len(known), 1), *range(1, len(unknown) + 1)]
        moved = list(zip([*known, *unknown], places, strict=True))
        connection.executemany(
            "UPDATE outbox SET seq = ? WHERE event_id = ?", [(place, event_id) for (_seq, event_id), place in moved]
        )
        if lane == "clip":
            _move_clips(connection, {seq: place for (seq, _event_id), place in moved}, len(known))
            _acknowledge_known(connection, stamp(now))
        told[lane] = len(unknown)
    connection.executemany(
        "UPDATE lanes SET newest = ? WHERE lane = ?", [(count, lane) for lane, count in told.items()]
    )
    for table in ("receipts", "openings", "erased_lanes"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    connection.execute("UPDATE meta SET epoch = ?", (epoch,))
    note_opening(connection)
    return told


def _move_clips(connection: sqlite3.Connection, places: Mapping[int, int], known: int) -> None:
    """Clips follow their events, and so does the hub's word on them; those whose events have left stay the oldest."""
    (newest,) = connection.execute("SELECT newest FROM lanes WHERE lane = 'clip'").fetchone()
    by = newest + known
    connection.execute("UPDATE clips SET seq = seq - ? WHERE seq IS NOT NULL", (by,))
    connection.executemany(
        "UPDATE clips SET seq = ? WHERE seq = ?", [(place, seq - by) for seq, place in places.items()]
    )
    connection.execute(
        "DELETE FROM ledger WHERE state = 'acknowledged' AND clip_id IN (SELECT clip_id FROM clips WHERE seq > 0)"
    )
    connection.execute("UPDATE clips SET acknowledged = 0 WHERE seq > 0 AND acknowledged")


def _acknowledge_known(connection: sqlite3.Connection, now: str) -> None:
    """The hub has a clip though no receipt of its had come when the copy was taken."""
    connection.execute(
        "INSERT INTO ledger (clip_id, state, at) SELECT clip_id, 'acknowledged', ? FROM clips"
        " WHERE seq <= 0 AND NOT acknowledged",
        (now,),
    )
    connection.execute("UPDATE clips SET acknowledged = 1 WHERE seq <= 0 AND NOT acknowledged")
