"""What agents report: one frozen model an event, past tense, and the lane that each travels in.

A lane has its own sequence, so that a lane with much to say never holds up another (docs/design/delivery.md).
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vigie_shared.clock import ClockSource, UtcDatetime
from vigie_shared.ids import CameraId, ListId, Sha256, UniqueId

Lane = Literal["hit", "hlt", "lpr", "mot", "clip", "crop"]
LANES: Final[tuple[Lane, ...]] = ("hit", "hlt", "lpr", "mot", "clip", "crop")
"""All lanes, the most urgent first."""

CLIP_BYTES_MAX: Final = 1 << 40
PICTURE_BYTES_MAX: Final = 6144
Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Pixels = Annotated[int, Field(ge=1, le=65_535)]
Box = tuple[Ratio, Ratio, Ratio, Ratio]
"""Left, top, right, bottom, as shares of the frame's width and height."""


class Event(BaseModel):
    """What every event says: when, by which clock, and at which camera."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )

    at: UtcDatetime
    camera_id: CameraId
    clock_source: ClockSource = "system"
    clock_offset_ms: float | None = None
    """How far the clock is known to be ahead of UTC; None where nobody has measured it."""


class MotionStarted(Event):
    """Something began to move."""

    kind: Literal["motion_started"] = "motion_started"
    motion_id: UniqueId
    score: float = Field(ge=0.0)
    region: Box


class MotionEnded(Event):
    """Nothing has moved for the hysteresis time."""

    kind: Literal["motion_ended"] = "motion_ended"
    motion_id: UniqueId
    peak_score: float = Field(ge=0.0)


class PlateAlternative(BaseModel):
    """Another reading of the same plate."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    text: str = Field(max_length=32)
    confidence: Ratio


class PlateRead(Event):
    """One vehicle's plate, voted over its track; `text` is canonical (`vigie_shared.plates`)."""

    kind: Literal["plate_read"] = "plate_read"
    read_id: UniqueId
    motion_id: UniqueId | None = None
    text: str = Field(min_length=1, max_length=32)
    plate_kind: str = Field(max_length=24)
    confidence: Ratio
    uncertain: bool
    """Below the agent's threshold: shown, never matched as exact."""
    char_confidences: tuple[Ratio, ...] = Field(default=(), max_length=32)
    alternatives: tuple[PlateAlternative, ...] = Field(default=(), max_length=8)
    frame_count: int = Field(ge=1, le=1_000_000)
    first_seen_at: UtcDatetime
    last_seen_at: UtcDatetime
    direction: Literal["approaching", "receding", "left", "right", "still"]
    box: Box
    crop_bytes: int = Field(ge=0, le=1_000_000)
    """Size of the plate's picture, kept at the edge until asked for (`commands.CropRequest`)."""


class PlateHit(Event):
    """A read that the agent found on a hotlist: whole, for the read itself may follow later, or never (law profile)."""

    kind: Literal["plate_hit"] = "plate_hit"
    hit_id: UniqueId
    read: PlateRead
    entry_id: UniqueId
    list_id: ListId
    list_version: int = Field(ge=1, le=(1 << 53) - 1)
    rule: str = Field(max_length=32)
    """`exact`, or the name of the look-alike rule that found it."""
    list_age_seconds: float = Field(ge=0.0)
    """How old the agent's copy of the list was."""
    check_only: bool
    """Too old a list, or too unsure a read, to act on."""
    retro: bool
    """Found among the reads that were stored when the entry came."""
    picture: bytes = Field(max_length=PICTURE_BYTES_MAX)
    """The plate, WebP or JPEG; may be empty. Base64 for URLs in JSON (RFC 4648 §5)."""


class PlatePictured(Event):
    """The picture of an uncertain read, sent unasked."""

    kind: Literal["plate_pictured"] = "plate_pictured"
    read_id: UniqueId
    picture: bytes = Field(min_length=1, max_length=PICTURE_BYTES_MAX)


class ClipStored(Event):
    """A clip is durable at the edge; `at` is its first frame, pre-roll included."""

    kind: Literal["clip_stored"] = "clip_stored"
    clip_id: UniqueId
    motion_id: UniqueId | None = None
    ended_at: UtcDatetime
    bytes: int = Field(ge=1, le=CLIP_BYTES_MAX)
    sha256: Sha256
    codec: str = Field(max_length=16)
    width_px: Pixels
    height_px: Pixels


class GapRecorded(Event):
    """Footage that there should be and is not, and why, with the agent's signature (`vigie_shared.gaps`)."""

    kind: Literal["gap_recorded"] = "gap_recorded"
    gap_id: UniqueId
    ended_at: UtcDatetime
    reason: Literal["camera_lost", "disk_full", "disk_error", "overwritten", "agent_down", "overload"]
    clip_id: UniqueId | None = None
    """The clip that it was part of, where there was one."""
    signature: str | None = Field(default=None, max_length=128)


class CameraChanged(Event):
    """A camera came, went, or changed what it sends."""

    kind: Literal["camera_changed"] = "camera_changed"
    state: Literal["streaming", "lost"]
    codec: str = Field(default="", max_length=16)
    width_px: int = Field(default=0, ge=0, le=65_535)
    height_px: int = Field(default=0, ge=0, le=65_535)
    detail: str = Field(default="", max_length=200)


AnyEvent = Annotated[
    MotionStarted | MotionEnded | PlateRead | PlateHit | PlatePictured | ClipStored | GapRecorded | CameraChanged,
    Field(discriminator="kind"),
]
EVENT: Final[TypeAdapter[AnyEvent]] = TypeAdapter(AnyEvent)

KINDS: Final = frozenset(
    get_args(model.model_fields["kind"].annotation)[0] for model in get_args(get_args(AnyEvent)[0])
)
"""Kinds of events that this release knows."""
KIND_PATTERN: Final = r"^[a-z][a-z0-9_]{0,39}$"


class StrangeEvent(BaseModel):
    """An event of a kind that only a newer release knows: kept and shown as it came, never refused."""

    model_config = ConfigDict(frozen=True, extra="allow")

    kind: str = Field(pattern=KIND_PATTERN)
    at: UtcDatetime | None = None
    camera_id: CameraId | None = None


def strange(row: Mapping[str, object]) -> StrangeEvent:
    """`row` as it came; what cannot be its time or its camera is left out."""
    try:
        return StrangeEvent.model_validate(row)
    except ValidationError:
        return StrangeEvent.model_validate({name: row[name] for name in row if name not in ("at", "camera_id")})


_LANE_OF: Final[dict[str, Lane]] = {
    "motion_started": "mot",
    "motion_ended": "mot",
    "plate_read": "lpr",
    "plate_hit": "hit",
    "plate_pictured": "crop",
    "clip_stored": "clip",
    "gap_recorded": "hlt",
    "camera_changed": "hlt",
}


def lane_of(event: AnyEvent) -> Lane:
    """The lane in which `event` travels."""
    return _LANE_OF[event.kind]


def lane_of_kind(kind: str) -> Lane | None:
    """The lane in which events of `kind` travel; None for a kind that this release does not know."""
    return _LANE_OF.get(kind)
