"""Events to columns and back: groups of one kind each, in any order. A kind that has no layout, and fields that a
layout does not know, travel as the JSON that they would be.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import from_json, to_jsonable_python

from vigie_shared.columns.kinds import from_us, to_us
from vigie_shared.columns.layouts import LAYOUTS, NUMBER_OF, Layout
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.errors import WireError
from vigie_shared.events import EVENT, AnyEvent, StrangeEvent, strange

KINDS_MAX: Final = 32
_JSON_BYTES_MAX: Final = 1 << 20
_TIMES: Final = frozenset({"at", "first_seen_at", "last_seen_at", "ended_at"})
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """The events of one kind in a batch: field by field where the kind has a layout, else as JSON objects.

    `places` says which events of the batch they are; times are microseconds since 1970.
    """

    kind: str
    places: Sequence[int]
    columns: dict[str, list[Any]] = field(default_factory=dict)
    strange: list[Row] = field(default_factory=list)
    extras: list[Row] = field(default_factory=list)
    """What a newer agent adds to events of this kind; empty where nothing is added."""

    def rows(self) -> list[Row]:
        """The events one by one, in plain values."""
        if not self.columns:
            return self.strange
        rows = [dict(zip(self.columns, row, strict=True)) for row in zip(*self.columns.values(), strict=True)]
        return [{**extra, **row} for extra, row in zip(self.extras, rows, strict=True)] if self.extras else rows


def write_events(writer: Writer, events: Sequence[AnyEvent | StrangeEvent]) -> None:
    """Append `events`; how many there are is the caller's to say."""
    kinds = list(dict.fromkeys(event.kind for event in events))
    writer.varint(len(kinds))
    if len(kinds) > 1:
        writer.ints([kinds.index(event.kind) for event in events])
    for kind in kinds:
        _write_group(writer, kind, [event for event in events if event.kind == kind])


def _write_group(writer: Writer, kind: str, events: Sequence[AnyEvent | StrangeEvent]) -> None:
    number = NUMBER_OF.get(kind)
    if number is None or any(isinstance(event, StrangeEvent) for event in events):
        writer.varint(0)
        writer.blob(kind.encode())
        writer.blob(_json([event.model_dump(mode="json", exclude_none=True) for event in events]))
        return
    layout = LAYOUTS[number][1]
    extras = [event.model_extra or {} for event in events]
    writer.varint(number << 1 | any(extras))
    rows = [_row(event, layout) for event in events]
    layout.write(writer, {name.name: [row[name.name] for row in rows] for name in layout.fields}, len(events))
    if any(extras):
        writer.blob(_json(extras))


def _json(value: object) -> bytes:
    return json.dumps(to_jsonable_python(value), ensure_ascii=False, separators=(",", ":")).encode()


def _row(event: Any, layout: Layout) -> Row:
    row = {name.name: getattr(event, name.name) for name in layout.fields}
    for name in _TIMES & row.keys():
        row[name] = to_us(row[name])
    if "alternatives" in row:
        row["alternatives"] = tuple(one.model_dump() for one in row["alternatives"])
    if "read" in row:
        row["read"] = _row(row["read"], LAYOUTS[NUMBER_OF["plate_read"]][1])
    return row


def read_groups(reader: Reader, count: int, lightly: bool = False) -> list[Group]:
    """The groups of a batch of `count` events, checked against every bound of the events' models.

    `lightly` keeps only what the layouts want, and gives identifiers as numbers.
    """
    kinds = reader.varint(KINDS_MAX)
    order = reader.ints(count, 0, kinds - 1) if kinds > 1 else ()
    groups = [_read_group(reader, places, lightly) for places in _places(order, kinds, count)]
    if not reader.is_at_end or not kinds:
        raise WireError("it does not end where it should")
    return groups


def _places(order: Sequence[int], kinds: int, count: int) -> Iterable[Sequence[int]]:
    """Which events of a batch are of each kind."""
    if kinds == 1:
        return [range(count)]
    return ([place for place, group in enumerate(order) if group == number] for number in range(kinds))


def _read_group(reader: Reader, places: Sequence[int], lightly: bool) -> Group:
    if not places:
        raise WireError("a kind without events")
    number = reader.varint()
    if not number:
        return _strange_group(reader, places)
    kind, layout = LAYOUTS.get(number >> 1, ("", None))
    if layout is None:
        raise WireError(f"kind {number >> 1} is of a newer release")
    columns = (layout.skim if lightly else layout.read)(reader, len(places))
    extras = _objects(reader, len(places)) if number & 1 else []
    return Group(kind, places, columns, extras=extras)


def _strange_group(reader: Reader, places: Sequence[int]) -> Group:
    try:
        kind = reader.blob(64).decode()
    except UnicodeDecodeError as error:
        raise WireError("a kind is not UTF-8") from error
    return Group(kind, places, strange=[{**row, "kind": kind} for row in _objects(reader, len(places))])


def _objects(reader: Reader, count: int) -> list[Row]:
    try:
        rows = from_json(reader.blob(_JSON_BYTES_MAX), allow_inf_nan=False)
    except ValueError as error:
        raise WireError("it is not JSON") from error
    if not isinstance(rows, list) or len(rows) != count or not all(isinstance(row, dict) for row in rows):
        raise WireError("it is not a list of as many objects")
    return rows


def groups_of(events: Sequence[AnyEvent | StrangeEvent]) -> list[Group]:
    """Events that are models already, field by field, as `read_groups` gives them lightly."""
    groups = []
    for kind in dict.fromkeys(event.kind for event in events):
        places = [place for place, event in enumerate(events) if event.kind == kind]
        number = NUMBER_OF.get(kind)
        if number is None:
            groups.append(Group(kind, places, strange=[events[place].model_dump(mode="json") for place in places]))
            continue
        layout = LAYOUTS[number][1]
        rows = [_row(events[place], layout) for place in places]
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        for name in layout.ids:
            columns[name] = [value and int(value, 16) for value in columns[name]]
        groups.append(Group(kind, places, columns))
    return groups


def events_of(groups: Iterable[Group], count: int) -> list[AnyEvent | StrangeEvent]:
    """The events of a batch, in order; raises WireError where one breaks its model."""
    events: list[AnyEvent | StrangeEvent | None] = [None] * count
    for group in groups:
        for place, row in zip(group.places, group.rows(), strict=True):
            events[place] = _event(group, row)
    return [event for event in events if event is not None]


def _event(group: Group, row: Row) -> AnyEvent | StrangeEvent:
    try:
        if group.columns:
            row = {**_with_times(row), "kind": group.kind}
            return EVENT.validate_python(row, extra="allow" if group.extras else None)
        return strange(row)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise WireError(f"{group.kind}: {where}: {fault['msg']}") from error


def _with_times(row: Row) -> Row:
    row = {**row, **{name: from_us(row[name]) for name in _TIMES & row.keys()}}
    if "read" in row:
        row["read"] = _with_times(row["read"])
    return row
