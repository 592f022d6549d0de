"""Marks of events that are here: by them an agent whose store came from a copy finds where it is not what it was."""

import sqlite3
from collections.abc import Iterable, Mapping
from itertools import islice

from vigie_hub.sync.stored import holding, unpacked
from vigie_shared.events import Lane
from vigie_shared.marks import MARKS_MAX, mark

Marks = dict[Lane, tuple[int | None, ...]]


def marks_of(connection: sqlite3.Connection, agent_id: str, epoch: str, places: Mapping[Lane, Iterable[int]]) -> Marks:
    """The mark of the event at each place, None where there is none here; `MARKS_MAX` places, no more."""
    left, found = MARKS_MAX, Marks()
    for lane, asked in places.items():
        seqs = tuple(islice(asked, left))
        left -= len(seqs)
        known = _of_lane(connection, agent_id, epoch, lane, seqs)
        found[lane] = tuple(known.get(seq) for seq in seqs)
    return found


def _of_lane(
    connection: sqlite3.Connection, agent_id: str, epoch: str, lane: Lane, seqs: Iterable[int]
) -> dict[int, int]:
    """By sequence; each batch is unpacked once."""
    known: dict[int, int] = {}
    looked: set[int] = set()
    for seq in seqs:
        batch = None if seq in known else holding(connection, agent_id, epoch, lane, seq)
        if batch is not None and batch["id"] not in looked:
            looked.add(batch["id"])
            known.update({row["seq"]: mark(row["body"]) for row in unpacked(batch)})
    return known
