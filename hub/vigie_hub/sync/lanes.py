"""Lanes of agents during one transaction: what each holds already, and so what of a batch is new."""

import sqlite3
from datetime import datetime

from vigie_hub.database import iso
from vigie_hub.sync.watermarks import Range, advance, holes, without
from vigie_shared.events import Lane

Watermarks = dict[Lane, int]
LaneKey = tuple[str, str, str]
"""Agent, epoch, lane."""
_OF_LANE = "agent_id = ? AND epoch = ? AND lane = ?"


class LaneState:
    """One lane, read once and then kept in step with what the transaction adds."""

    def __init__(self, connection: sqlite3.Connection, key: LaneKey) -> None:
        row = connection.execute(f"SELECT seq FROM watermarks WHERE {_OF_LANE}", key).fetchone()  # noqa: S608
        self.watermark: int = row["seq"] if row else 0
        self._ahead = [
            (found["first_seq"], found["first_seq"] + found["count"] - 1)
            for found in connection.execute(
                f"SELECT first_seq, count FROM batches WHERE {_OF_LANE} AND first_seq > ? ORDER BY first_seq",  # noqa: S608
                (*key, self.watermark),
            )
        ]
        self._missing: dict[Range, str] = {
            (found["first_seq"], found["last_seq"]): found["noted_at"]
            for found in connection.execute(
                f"SELECT first_seq, last_seq, noted_at FROM missing_ranges WHERE {_OF_LANE}",  # noqa: S608
                key,
            )
        }
        self._ahead = sorted([*self._ahead, *(gap for gap in self._missing if gap[1] > self.watermark)])
        self._was = (self.watermark, dict(self._missing))

    def take(self, first: int, last: int) -> list[Range]:
        """The parts of `first … last` that are new; from now on they are stored."""
        touched = sorted(gap for gap in self._missing if gap[0] <= last and gap[1] >= first)
        fresh = [(max(first, start), min(last, end)) for start, end in touched]
        for gap in touched:
            noted_at = self._missing.pop(gap)
            self._missing.update((left, noted_at) for left in without(gap, first, last))
        if last > self.watermark:
            new = holes(max(first, self.watermark + 1), last, self._ahead)
            self._ahead = sorted([*self._ahead, *new])
            self._settle()
            fresh += new
        return fresh

    def give_up(self, first: int, last: int, at: str) -> list[Range]:
        """Nothing of `first … last` will come: what is not stored is missing. Returns the new gaps."""
        gaps = holes(max(first, self.watermark + 1), last, self._ahead)
        self._missing.update(dict.fromkeys(gaps, at))
        self._ahead = sorted([*self._ahead, *gaps])
        self._settle()
        return gaps

    def _settle(self) -> None:
        self.watermark = advance(self.watermark, self._ahead)
        self._ahead = [part for part in self._ahead if part[1] > self.watermark]

    def save(self, connection: sqlite3.Connection, key: LaneKey) -> None:
        """Write what has changed."""
        watermark, missing = self._was
        if self.watermark != watermark or not watermark:
            connection.execute(
                "INSERT INTO watermarks (agent_id, epoch, lane, seq) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (agent_id, epoch, lane) DO UPDATE SET seq = excluded.seq",
                (*key, self.watermark),
            )
        if self._missing != missing:
            connection.executemany(
                f"DELETE FROM missing_ranges WHERE {_OF_LANE} AND first_seq = ?",  # noqa: S608
                [(*key, first) for first, _last in missing.keys() - self._missing.keys()],
            )
            connection.executemany(
                "INSERT OR REPLACE INTO missing_ranges (agent_id, epoch, lane, first_seq, last_seq, noted_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                [(*key, *gap, noted_at) for gap, noted_at in self._missing.items()],
            )


class Lanes:
    """All lanes that one transaction touches."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._states: dict[LaneKey, LaneState] = {}

    def __getitem__(self, key: LaneKey) -> LaneState:
        if key not in self._states:
            self._states[key] = LaneState(self._connection, key)
        return self._states[key]

    def save(self) -> None:
        """Write what has changed."""
        for key, state in self._states.items():
            state.save(self._connection, key)


def watermarks_of(connection: sqlite3.Connection, agent_id: str, epoch: str) -> Watermarks:
    """How far each lane of this epoch is durable."""
    rows = connection.execute("SELECT lane, seq FROM watermarks WHERE agent_id = ? AND epoch = ?", (agent_id, epoch))
    return {row["lane"]: row["seq"] for row in rows}


def note_oldest(
    connection: sqlite3.Connection, agent_id: str, epoch: str, lane: str, oldest: int, at: datetime
) -> list[Range]:
    """The agent can send nothing below `oldest` any more: what is not here by now is missing. Returns the new gaps."""
    lanes = Lanes(connection)
    state = lanes[agent_id, epoch, lane]
    if oldest <= state.watermark + 1:
        return []
    gaps = state.give_up(1, oldest - 1, iso(at))
    lanes.save()
    return gaps
