"""Projects batches into the read model: rows, watermark, derived tables and alerts move in one transaction.

Idempotent by (agent, epoch, lane, seq): a batch may come twice, late or out of order. A batch is kept as it came, one
row for all its events (`stored`); what is searched for has rows of its own.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vigie_hub.alerts.matching import match, raise_from_hit
from vigie_hub.database import iso
from vigie_hub.fleet.enrolment import public_key_of
from vigie_hub.sync.arrivals import Arrival, Refusal, arrival_of
from vigie_hub.sync.dead_letters import bury
from vigie_hub.sync.lanes import Lanes
from vigie_hub.sync.reads import Reads
from vigie_hub.sync.stored import event_id_of, next_batch_id
from vigie_hub.sync.times import iso_of_us
from vigie_shared.batches import Batch, decode
from vigie_shared.columns.events import Group
from vigie_shared.events import PlateHit, PlateRead
from vigie_shared.ids import id_of

_BATCH = (
    "INSERT INTO batches (id, agent_id, epoch, lane, first_seq, skip, count, kinds, received_at, payload)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_CLIP = (
    "INSERT INTO clips (event_id, agent_id, clip_id, camera_id, motion_id, at, ended_at, bytes, sha256, codec,"
    " width_px, height_px) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_CLIP_FIELDS = ("bytes", "sha256", "codec", "width_px", "height_px")


@dataclass(slots=True)
class Projection:
    """What a transaction changed for one epoch of one agent."""

    agent_id: str
    epoch: str
    events: int = 0
    clips: int = 0
    alerts: int = 0


@dataclass(slots=True)
class _Part:
    """New events of an arrival: those at places `first … last`, which get ids from `base` on."""

    arrival: Arrival
    first: int
    last: int
    base: int
    projection: Projection


@dataclass(slots=True)
class _Harvest:
    """Rows to write, gathered over all arrivals."""

    batches: list[tuple[Any, ...]] = field(default_factory=list)
    reads: Reads = field(default_factory=Reads)
    clips: list[tuple[Any, ...]] = field(default_factory=list)
    parts: dict[int, _Part] = field(default_factory=dict)
    """By the id of their row in `batches`."""


def is_enrolled(connection: sqlite3.Connection, agent_id: str) -> bool:
    """Whether the hub listens to this agent: the read model's word, newer than any copy."""
    return public_key_of(connection, agent_id) is not None


def project(connection: sqlite3.Connection, batch: Batch, at: datetime) -> Projection:
    """Store what is new in one batch, within the caller's transaction."""
    (projection,) = project_all(connection, [arrival_of(batch)], at)
    return projection


def project_all(
    connection: sqlite3.Connection, arrivals: Iterable[Arrival | Refusal], at: datetime
) -> list[Projection]:
    """Store what is new in `arrivals`, and note what was refused, within the caller's transaction."""
    harvest, lanes, now = _Harvest(), Lanes(connection), iso(at)
    projections: dict[tuple[str, str], Projection] = {}
    batch_id = next_batch_id(connection)
    for arrival in arrivals:
        if isinstance(arrival, Refusal):
            bury(connection, arrival, lanes, now)
        if arrival.head is None:
            continue
        head, key = arrival.head, (arrival.agent_id, arrival.head.epoch)
        projection = projections.setdefault(key, Projection(*key))
        if isinstance(arrival, Refusal):
            continue
        for start, end in lanes[*key, arrival.lane].take(head.first_seq, head.last_seq):
            part = _Part(arrival, start - head.first_seq, end - head.first_seq, event_id_of(batch_id, 0), projection)
            harvest.parts[batch_id] = part
            _reap(harvest, part, batch_id, start, now)
            batch_id += 1
    _write(connection, harvest)
    lanes.save()
    connection.executemany(
        "UPDATE agents SET last_seen_at = max(coalesce(last_seen_at, ''), ?), epoch = coalesce(epoch, ?)"
        " WHERE agent_id = ?",
        [(now, epoch, agent_id) for agent_id, epoch in projections],
    )
    return list(projections.values())


def _reap(harvest: _Harvest, part: _Part, batch_id: int, first_seq: int, now: str) -> None:
    """Gather the rows of the new events of `part`."""
    arrival, count = part.arrival, part.last - part.first + 1
    part.projection.events += count
    kinds = ",".join(group.kind for group in arrival.groups)
    harvest.batches.append(
        (
            *(batch_id, arrival.agent_id, arrival.head.epoch, arrival.lane, first_seq, part.first, count, kinds),
            *(now, arrival.payload),
        )
    )
    for group in arrival.groups:
        if group.kind == "plate_read":
            harvest.reads.add(group, batch_id, part.first, part.last)
        elif group.kind == "clip_stored":
            harvest.clips += _clip_rows(part, group)


def _clip_rows(part: _Part, group: Group) -> Iterable[tuple[Any, ...]]:
    columns, agent_id, base = group.columns, part.arrival.agent_id, part.base - part.first
    rows = zip(
        [base + place for place in group.places],
        [agent_id] * len(group.places),
        map(id_of, columns["clip_id"]),
        columns["camera_id"],
        [None if motion is None else id_of(motion) for motion in columns["motion_id"]],
        map(iso_of_us, columns["at"]),
        map(iso_of_us, columns["ended_at"]),
        *(columns[name] for name in _CLIP_FIELDS),
        strict=True,
    )
    return [row for place, row in zip(group.places, rows, strict=True) if part.first <= place <= part.last]


def _write(connection: sqlite3.Connection, harvest: _Harvest) -> None:
    connection.executemany(_BATCH, harvest.batches)
    harvest.reads.insert(connection)
    for row in harvest.clips:
        part = harvest.parts[row[0] >> 8]
        part.projection.clips += connection.execute(_CLIP, row).rowcount
    for event_id in harvest.reads.listed(connection):
        _match(connection, harvest.parts[event_id >> 8], event_id)
    for part in harvest.parts.values():
        for group in part.arrival.groups:
            if group.kind == "plate_hit":
                _take_hits(connection, part, group)


def _match(connection: sqlite3.Connection, part: _Part, event_id: int) -> None:
    """Raise the alerts of a new read whose plate is on the hotlist, if it is sure."""
    read = _event(part, event_id - part.base + part.first)
    assert isinstance(read, PlateRead)
    part.projection.alerts += match(connection, part.arrival.agent_id, read)


def _take_hits(connection: sqlite3.Connection, part: _Part, group: Group) -> None:
    for place in group.places:
        if part.first <= place <= part.last:
            hit = _event(part, place)
            assert isinstance(hit, PlateHit)
            event_id = part.base - part.first + place
            part.projection.alerts += raise_from_hit(connection, part.arrival.agent_id, hit, event_id)


def _event(part: _Part, place: int) -> Any:
    """One event of an arrival, as its model."""
    arrival = part.arrival
    return decode(arrival.payload, agent_id=arrival.agent_id, lane=arrival.lane).events[place]
