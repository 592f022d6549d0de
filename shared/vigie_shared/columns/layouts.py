"""The columns of each kind of event, in schema 2. Never change one: old batches are read by it. A newer field travels
as an extra (`columns.events`), until a newer schema lays it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vigie_shared.columns.composed import Boxes, Cameras, Lists, Optional, Plates
from vigie_shared.columns.identifiers import Ids
from vigie_shared.columns.kinds import (
    Ats,
    Blobs,
    Choices,
    Column,
    Digests,
    Flags,
    Ints,
    Known,
    Names,
    Numbers,
    Times,
)
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.columns.reads import Alternatives, ReadIds
from vigie_shared.ids import NAME_PATTERN

_HUGE: Final = 1.7976931348623157e308
_PICTURE_BYTES: Final = 6144
_AT: Final = ("at",)
_NO_DEFAULT: Final = object()
_AS_AT: Final = object()
"""The default of a time that is mostly the event's own."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a column that is left out where every event of the batch has the default.

    The column is told the values of the fields `beside`, from which its own may follow.
    """

    name: str
    column: Column
    default: object = _NO_DEFAULT
    beside: tuple[str, ...] = _AT

    @property
    def is_always_there(self) -> bool:
        """Whether the column is never left out."""
        return self.default is _NO_DEFAULT

    def beside_in(self, columns: Mapping[str, Sequence[Any]]) -> Sequence[Any]:
        """What the column is told."""
        if len(self.beside) == 1:
            return columns.get(self.beside[0], ())
        return [columns[name] for name in self.beside]

    def default_in(self, columns: Mapping[str, list[Any]], count: int) -> list[Any]:
        """The column where it was left out."""
        return columns["at"] if self.default is _AS_AT else [self.default] * count

    def is_default(self, columns: Mapping[str, Sequence[Any]]) -> bool:
        """Whether the column can be left out."""
        values = columns[self.name]
        if self.default is _AS_AT:
            return list(values) == list(columns["at"])
        return self.default is not _NO_DEFAULT and all(value == self.default for value in values)


class Layout:
    """The fields of one kind. `at` comes first: others lie near it.

    Only `wanted` are searched for, or written to rows of their own.
    """

    def __init__(self, *fields: Field, wanted: Sequence[str] = ("at",)) -> None:
        self.fields = fields
        self.names: Final = frozenset(field.name for field in fields)
        self.ids: Final = frozenset(field.name for field in fields if isinstance(field.column, Ids | ReadIds))
        self.wanted: Final = frozenset(wanted)
        self.mask_bytes = (len(fields) + 7) // 8
        self._steps = [
            (1 << place, field.is_always_there, field.name in self.wanted, field) for place, field in enumerate(fields)
        ]

    def write(self, writer: Writer, columns: Mapping[str, Sequence[Any]], count: int) -> None:
        """Append `count` events, given field by field."""
        present = [not field.is_default(columns) for field in self.fields]
        mask = sum(1 << place for place, is_present in enumerate(present) if is_present)
        writer.data += mask.to_bytes(self.mask_bytes, "little")
        for field, is_present in zip(self.fields, present, strict=True):
            if is_present:
                field.column.write(writer, columns[field.name], field.beside_in(columns))

    def read(self, reader: Reader, count: int) -> dict[str, list[Any]]:
        """`count` events, field by field."""
        mask = int.from_bytes(reader.take(self.mask_bytes), "little")
        columns: dict[str, list[Any]] = {}
        for place, field in enumerate(self.fields):
            if mask >> place & 1 or field.default is _NO_DEFAULT:
                columns[field.name] = list(field.column.read(reader, count, field.beside_in(columns)))
            else:
                columns[field.name] = field.default_in(columns, count)
        return columns

    def skim(self, reader: Reader, count: int) -> dict[str, list[Any]]:
        """As `read`, but identifiers are numbers, and only what is wanted is kept; the rest is checked all the same."""
        mask = int.from_bytes(reader.take(self.mask_bytes), "little")
        columns: dict[str, Any] = {}
        for bit, is_always_there, is_wanted, field in self._steps:
            column = field.column
            beside = columns.get("at", ()) if field.beside is _AT else field.beside_in(columns)
            if not (is_always_there or mask & bit):
                columns[field.name] = field.default_in(columns, count) if is_wanted else False
            elif is_wanted:
                columns[field.name] = column.numbers(reader, count, beside)
            else:
                columns[field.name] = column.check(reader, count, beside)
        return {name: columns[name] for name in self.wanted}


class Events(Column):
    """Whole events inside others; their times are written as steps from those that hold them."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def write(self, writer: Writer, values: Sequence[dict[str, Any]], ats: Sequence[int]) -> None:
        columns = {field.name: [value[field.name] for value in values] for field in self._layout.fields}
        self._layout.write(writer, columns, len(values))

    def read(self, reader: Reader, count: int, ats: Sequence[int]) -> list[dict[str, Any]]:
        columns = self._layout.read(reader, count)
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def skim(self, reader: Reader, count: int, ats: Sequence[int]) -> bool:
        self._layout.skim(reader, count)
        return True


def _event() -> tuple[Field, ...]:
    return (
        Field("at", Ats()),
        Field("camera_id", Cameras(32, NAME_PATTERN)),
        Field("clock_source", Choices("system", "ntp", "gnss", "camera"), "system"),
        Field("clock_offset_ms", Optional(Numbers(-_HUGE, _HUGE)), None),
    )


_RATIO: Final = Numbers(0.0, 1.0)
_SURE: Final = Numbers(0.0, 1.0, top=1.0)
_PIXELS: Final = Ints(1, 65_535)

_PLATE_KINDS: Final = (
    *("civil", "ww", "w18", "state", "police", "forces", "moped", "diplomatic", "before2000", "european"),
)
_ORIGIN: Final = ("at", "motion_id", "text")

PLATE_READ: Final = Layout(
    *_event(),
    Field("motion_id", Ids(-1, optional=True), None),
    Field("text", Plates(1, 32)),
    Field("read_id", ReadIds(), beside=_ORIGIN),
    Field("plate_kind", Known(_PLATE_KINDS, Names(24)), "civil"),
    Field("confidence", _SURE),
    Field("uncertain", Flags(), False),
    Field("char_confidences", Lists(_SURE, 32), ()),
    Field("alternatives", Alternatives(), (), beside=("text",)),
    Field("frame_count", Ints(1, 1_000_000)),
    Field("last_seen_at", Times(-1), _AS_AT),
    Field("first_seen_at", Times(-1)),
    Field("direction", Choices("approaching", "receding", "left", "right", "still")),
    Field("box", Boxes()),
    Field("crop_bytes", Ints(0, 1_000_000)),
    wanted=("at", "text"),
)

_CLIP: Final = (
    *("at", "camera_id", "clip_id", "motion_id", "ended_at", "bytes", "sha256", "codec", "width_px", "height_px"),
)

LAYOUTS: Final[dict[int, tuple[str, Layout]]] = {
    1: (
        "motion_started",
        Layout(*_event(), Field("motion_id", Ids()), Field("score", Numbers(0.0, _HUGE)), Field("region", Boxes())),
    ),
    2: (
        "motion_ended",
        Layout(*_event(), Field("motion_id", Ids(-1)), Field("peak_score", Numbers(0.0, _HUGE))),
    ),
    3: ("plate_read", PLATE_READ),
    4: (
        "plate_hit",
        Layout(
            *_event(),
            Field("hit_id", Ids()),
            Field("read", Events(PLATE_READ)),
            Field("entry_id", Ids(-1)),
            Field("list_id", Names(32, NAME_PATTERN, least=1)),
            Field("list_version", Ints(1, (1 << 53) - 1)),
            Field("rule", Names(32), "exact"),
            Field("list_age_seconds", Numbers(0.0, _HUGE)),
            Field("check_only", Flags(), False),
            Field("retro", Flags(), False),
            Field("picture", Blobs(0, _PICTURE_BYTES), b""),
        ),
    ),
    5: (
        "plate_pictured",
        Layout(*_event(), Field("read_id", Ids(-1)), Field("picture", Blobs(1, _PICTURE_BYTES))),
    ),
    6: (
        "clip_stored",
        Layout(
            *_event(),
            Field("clip_id", Ids()),
            Field("motion_id", Ids(optional=True), None),
            Field("ended_at", Times(1)),
            Field("bytes", Ints(1, 1 << 40)),
            Field("sha256", Digests(32)),
            Field("codec", Names(16), "h264"),
            Field("width_px", _PIXELS),
            Field("height_px", _PIXELS),
            wanted=_CLIP,
        ),
    ),
    7: (
        "gap_recorded",
        Layout(
            *_event(),
            Field("gap_id", Ids()),
            Field("ended_at", Times(1)),
            Field(
                "reason",
                Choices("camera_lost", "disk_full", "disk_error", "overwritten", "agent_down", "overload"),
            ),
            Field("clip_id", Ids(optional=True), None),
            Field("signature", Optional(Names(128)), None),
        ),
    ),
    8: (
        "camera_changed",
        Layout(
            *_event(),
            Field("state", Choices("streaming", "lost")),
            Field("codec", Names(16), ""),
            Field("width_px", Ints(0, 65_535), 0),
            Field("height_px", Ints(0, 65_535), 0),
            Field("detail", Names(200), ""),
        ),
    ),
}
"""By the number that a batch writes instead of the kind's name."""
NUMBER_OF: Final[dict[str, int]] = {kind: number for number, (kind, _layout) in LAYOUTS.items()}
