"""What the API answers with. Times are ISO 8601 in UTC, with milliseconds."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from vigie_hub.fleet.registry import AgentState
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.progress import Waits
from vigie_hub.video.pull.roads import Road
from vigie_shared.commands import HoldKind
from vigie_shared.events import AnyEvent, Lane, StrangeEvent
from vigie_shared.link import LinkReport

Item = TypeVar("Item")
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-11-22T14:41:03.120Z"])]


class Answer(BaseModel):
    """Base of all answers."""

    model_config = ConfigDict(frozen=True)


class Page(Answer, Generic[Item]):
    """A page of a list; `next` is the `cursor` of the following one, null at the end."""

    items: list[Item]
    next: str | None = None


class Behind(Answer):
    """An agent whose word is not complete here. `complete_as_of` is null where nothing of it is here."""

    agent_id: str
    complete_as_of: Time | None
    events_at_edge: int = Field(description="Recorded by the agent, and not here yet, as it last said")
    last_seen_at: Time | None


class Completeness(Answer):
    """What an answer may lack. Whatever agents noticed up to `as_of` is in it, but for the agents that are named."""

    as_of: Time | None = Field(description="Null where no agent can be reached")
    unreachable: list[Behind]
    catching_up: list[Behind] = Field(description="Reachable, with events on their way")


class EdgePage(Page[Item], Generic[Item]):
    """A page of what agents said, with what it may lack."""

    completeness: Completeness


class Camera(Answer):
    """A camera, as its agent's last heartbeat says."""

    camera_id: str
    name: str
    state: Literal["starting", "streaming", "lost"]
    moving: bool
    frames_per_second: float
    kbps: float


class Agent(Answer):
    """An agent. `discovered` is not enrolled yet, `enrolled` has not reported yet, `revoked` is trusted no longer.

    `suspended` sent far too much and is kept out for a while.
    """

    agent_id: str
    state: AgentState
    public_key: str | None
    last_seen_at: Time | None
    version: str | None
    cameras: list[Camera]
    still_at_edge: int = Field(description="Events that the agent has recorded and the hub has not stored yet")
    missing: int = Field(description="Events that the agent can no longer send")
    clips_kept: int | None
    clips_bytes: int | None
    disk_free_bytes: int | None
    suspended_until: Time | None = Field(description="Until when it is kept out; null where it is not")
    suspended_because: str | None = Field(description="What it sent before it was cut", examples=["90000 messages"])
    link: LinkReport | None = Field(description="The agent's way to the hub and what waits for it; null where unknown")


class Event(Answer):
    """An event, as its agent sent it; `id` orders events by arrival."""

    id: int
    agent_id: str
    epoch: str
    lane: Lane
    seq: int
    kind: str
    camera_id: str
    at: Time
    received_at: Time
    body: AnyEvent | StrangeEvent


class Plate(Answer):
    """A plate; a field is null where its kind has none, all three where no Moroccan grammar knows the text."""

    text: str = Field(description="Canonical, in logical order", examples=["12345|أ|6"])
    serial: str | None
    letter: str | None
    region: int | None


class ArchiveState(Answer):
    """What became of the wish to have the clip here, or less than the clip.

    `partial`: what was wanted is here, and it is less. `stopped`: somebody wanted it no longer. What has come stays for
    a day; asked for again, it goes on from there.
    """

    state: Literal["queued", "pulling", "partial", "stopped", "verified", "failed"]
    sha256: str | None = Field(description="Of the bytes that arrived; null until verified")
    bytes: int = Field(description="Verified so far, of `quality`")
    seconds: float
    detail: str
    here: list[Quality] = Field(description="What is here whole")
    wanted: list[Quality] = Field(description="What is still to come, in this order")
    quality: Quality | None = Field(description="What is on its way, or was last; the rest is about this one")
    arrived_bytes: int = Field(description="Verified or not yet")
    of_bytes: int | None = Field(description="Null until known")
    bytes_per_second: float | None = Field(description="Over the last seconds; null while nothing comes")
    eta_seconds: float | None = Field(description="At that rate")
    road: Road | None = Field(description="`channel`: a WebRTC data channel; `tcp`: HTTPS, dialled by the agent")
    waits: Waits | None = Field(
        description="Why nothing comes: `queued` behind others, `agent` away, `link` busy or not to be used now, the"
        " sub-stream in the `making`, or tried `again` after a break"
    )
    ahead: int = Field(description="Pulls that go before it, while `queued`")
    keyframes_here: int
    keyframes: int | None = Field(description="Of the clip; null until known")
    prefix_bytes: int = Field(description="Of the original, verified from its first byte on; it plays")


class PullProgress(Answer):
    """How far the pull of a clip has come; `archive` is null once nobody wants it, or it is here."""

    clip_id: str
    archive: ArchiveState | None


class Keyframe(Answer):
    """A picture of the clip that is here; its `number` counts all of them."""

    number: int
    at_seconds: float = Field(description="Since the clip's beginning")


class KeyframeStrip(Answer):
    """The keyframes that are here, in order of time."""

    keyframes: int | None = Field(description="Of the clip; null until known")
    items: list[Keyframe]


class EdgeHold(Answer):
    """Somebody wants the clip kept at the edge, or no longer; `state` is what its agent made of it."""

    kind: HoldKind
    state: Literal["asked", "held", "releasing", "released", "refused"]
    reason: str
    asked_by: str
    asked_at: Time
    detail: str


class HoldWish(BaseModel):
    """Keep a clip at the edge, or no longer, and why."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    wanted: bool = True
    reason: str = Field(min_length=1, max_length=300, examples=["Case 114"])


class Clip(Answer):
    """A clip at the edge; `archive` is null until someone asks for it."""

    clip_id: str
    agent_id: str
    camera_id: str
    camera_name: str
    motion_id: str | None
    at: Time
    ended_at: Time
    bytes: int
    sha256: str = Field(description="As the agent measured it")
    codec: str
    width_px: int
    height_px: int
    archive: ArchiveState | None
    holds: list[EdgeHold]


class Span(Answer):
    """A stretch of a camera's footage: where its bytes are, or why there are none."""

    at: Time
    ended_at: Time
    where: Literal["edge", "transit", "hub", "gap"]
    clip_id: str | None
    reason: str = Field(description="Of a gap: camera_lost, disk_full, …; empty otherwise")
    held: bool = Field(description="Whether its agent has said that it keeps the clip, whatever its retention says")
    overwritten_in_hours: float | None = Field(
        description="About how long its agent keeps it, at the rate of its last day; null where held, or not known"
    )


class Timeline(Answer):
    """What there is of a camera, from metadata alone. Where no span is, nothing moved, up to `known_until`."""

    agent_id: str
    camera_id: str
    spans: list[Span]
    known_until: Time | None = Field(description="Later footage may exist that the agent has not told of yet")
    reachable: bool


class Alert(Answer):
    """A plate on the hotlist was read."""

    alert_id: str
    at: Time
    agent_id: str
    camera_id: str
    camera_name: str
    text: str
    plate: Plate
    reason: str
    confidence: float
    uncertain: bool
    entry_id: str
    read_id: str
    list_id: str = Field(description="The hotlist of the entry")
    rule: str = Field(description="`exact`, or the name of the one rule by which the read may be the plate")
    check_only: bool = Field(description="Look at the picture before acting: another rule than exact, or an old list")
    retro: bool = Field(description="The read was older than the entry: found in what the agent had stored")
    list_version: int | None = Field(description="Of the agent's copy; null where the hub matched the read itself")
    list_age_seconds: float | None = Field(description="How old the agent's copy was; null as for `list_version`")
    crop_ready: bool = Field(description="Whether the plate's picture has arrived from the edge")
    clip: Clip | None = Field(description="The clip that shows it, once the agent has stored it")


class HotlistEntry(Answer):
    """A plate that someone looks for."""

    entry_id: str
    text: str
    plate: Plate
    reason: str
    list_id: str
    rules: list[str] = Field(description="What counts beside an exact match")
    category: str
    severity: int
    valid_from: Time | None
    valid_until: Time | None
    added_at: Time
    added_by: str


class HotlistWish(BaseModel):
    """A plate to look for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=40, examples=["12345 | أ | 6"])
    reason: str = Field(min_length=1, max_length=200, examples=["Stolen, case 114"])
    list_id: str = Field(default="main", max_length=32)
    rules: list[str] = Field(default_factory=list, max_length=32, examples=[["6/5", "uncertain read"]])
    category: str = Field(default="", max_length=16, examples=["stolen"])
    severity: int = Field(default=0, ge=0, le=9)
    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime | None = None
