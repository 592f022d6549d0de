"""Events, in the order of their arrival."""

import json
import sqlite3
from datetime import datetime
from itertools import islice
from typing import Any, Final, get_args

from vigie_hub.api import cursors
from vigie_hub.api.models import Event, Page
from vigie_hub.sync.stored import events_after, events_before, events_of, newest_event_id
from vigie_shared.events import EVENT, KINDS, AnyEvent, GapRecorded, StrangeEvent, strange

_END = 2**63 - 1
_FIELDS: Final = {
    model.model_fields["kind"].default: frozenset(model.model_fields) for model in get_args(get_args(AnyEvent)[0])
}


def list_events(
    connection: sqlite3.Connection,
    *,
    after: int | None = None,
    cursor: str | None = None,
    kind: str | None = None,
    agent_id: str | None = None,
    limit: int = 100,
) -> Page[Event]:
    """Oldest first from `after` (an id, left out itself) on; without it the newest first."""
    ascending, start = after is not None, _END if after is None else after
    if cursor is not None:
        direction, start = cursors.unpack(cursor, str, int)  # type: ignore[assignment]
        ascending = direction == "up"
    look = events_after if ascending else events_before
    rows = list(islice(look(connection, start, kind=kind, agent_id=agent_id), limit + 1))
    events = [_event(row) for row in rows[:limit]]
    more = cursors.pack("up" if ascending else "down", events[-1].id) if len(rows) > limit else None
    return Page(items=events, next=more)


def newest_id(connection: sqlite3.Connection) -> int:
    """Id of the event that came last; 0 before the first."""
    return newest_event_id(connection)


def gaps_of(
    connection: sqlite3.Connection, agent_id: str, camera_id: str, since: datetime, until: datetime, limit: int
) -> list[GapRecorded]:
    """Gaps of one camera that touch `since … until`, the newest first."""
    told = (_body(row["body"]) for row in events_of(connection, agent_id, "hlt", "gap_recorded"))
    gaps = (gap for gap in told if isinstance(gap, GapRecorded) and gap.camera_id == camera_id)
    return list(islice((gap for gap in gaps if gap.at < until and gap.ended_at > since), limit))


def _event(row: dict[str, Any]) -> Event:
    return Event.model_construct(**{**row, "body": _body(row["body"])})


def _body(told: dict[str, Any]) -> AnyEvent | StrangeEvent:
    """As its model, or just as it came where a newer agent says what this release does not know."""
    if told["kind"] in KINDS and told.keys() <= _FIELDS[told["kind"]]:
        return EVENT.validate_json(json.dumps(told))
    return strange(told)
