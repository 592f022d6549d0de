"""Live video and playback: what hub and agent say to each other over data channel `ctl`, as JSON.

A media connection has one video track, which the agent sends, and `ctl`. The hub commands; the agent says what it shows
and which time of the camera each picture is of. After `Stop` the connection stays warm: nothing flows until it is asked
for something else.

```
hub ── Live, Play, Seek, Rate, Step, Pause, Jump, KeyframeWanted, Viewers, Received, Stop ──→ agent
    ←── Showing, CameraClock, Ended, MediaRefused ──
```
"""

from typing import Annotated, Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vigie_shared.clock import ClockSource, UtcDatetime
from vigie_shared.errors import WireError
from vigie_shared.ids import CameraId, UniqueId

Said = TypeVar("Said")

CHANNEL: Final = "ctl"
"""The data channel's label."""
MESSAGE_BYTES_MAX: Final = 2048
RATE_MIN: Final = 0.25
RATE_MAX: Final = 8.0
WARM_SECONDS: Final = 60.0
"""How long an idle connection is kept."""

Quality = Literal["auto", "main", "sub", "low", "keyframes", "stills"]
"""What is asked for: `auto` takes the best that the link carries, any other is an upper bound."""
Rung = Literal["main", "sub", "low", "keyframes", "stills", "clip"]
"""What is shown: the camera's main or sub-stream, a small transcode, keyframes alone, pictures, or a clip."""
ShowingReason = Literal[
    "asked", "h265", "b_frames", "no_sub_stream", "camera_lost", "loss", "rate", "delay", "recovered", "law"
]
"""Why that rung: as asked; what browsers do not play in WebRTC; the link; the link again; a law profile."""
EndReason = Literal["stopped", "over", "camera_lost", "clip_gone", "failed", "link"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


# The hub commands.


class Live(_Message):
    """What the camera sees now, from its last keyframe on."""

    do: Literal["live"] = "live"
    camera_id: CameraId
    quality: Quality = "auto"


class Play(_Message):
    """A clip from `at_seconds` of its own time on."""

    do: Literal["play"] = "play"
    clip_id: UniqueId
    at_seconds: float = Field(default=0, ge=0)
    rate: float = Field(default=1, ge=RATE_MIN, le=RATE_MAX)


class Seek(_Message):
    """Go on from there in the clip."""

    do: Literal["seek"] = "seek"
    at_seconds: float = Field(ge=0)


class Rate(_Message):
    """How fast the clip plays: above 2 by keyframes."""

    do: Literal["rate"] = "rate"
    rate: float = Field(ge=RATE_MIN, le=RATE_MAX)


class Step(_Message):
    """One picture on or back; playing pauses."""

    do: Literal["step"] = "step"
    frames: Literal[-1, 1] = 1


class Pause(_Message):
    """Hold, or go on."""

    do: Literal["pause"] = "pause"
    paused: bool = True


class Jump(_Message):
    """To the event next to the one that is played: the next or the previous clip of the camera."""

    do: Literal["jump"] = "jump"
    to: Literal["next", "previous"]


class KeyframeWanted(_Message):
    """Somebody cannot decode what comes."""

    do: Literal["keyframe"] = "keyframe"


class Viewers(_Message):
    """How many people see this now, for the light at the edge."""

    do: Literal["viewers"] = "viewers"
    count: int = Field(ge=0, le=100_000)


class Received(_Message):
    """The picture with this RTP timestamp is here, and all before it: tells the agent how fast its link is."""

    do: Literal["received"] = "received"
    rtp_timestamp: int = Field(ge=0, lt=1 << 32)


class Stop(_Message):
    """Send nothing more."""

    do: Literal["stop"] = "stop"


# The agent says.


class Showing(_Message):
    """What is shown from here on."""

    say: Literal["showing"] = "showing"
    rung: Rung
    width_px: int = Field(ge=0)
    height_px: int = Field(ge=0)
    reason: ShowingReason = "asked"
    codec: str = Field(default="h264", max_length=16)
    camera_id: CameraId | None = None
    clip_id: UniqueId | None = None


class CameraClock(_Message):
    """The picture with this RTP timestamp was taken then; those after it follow until the next such message."""

    say: Literal["clock"] = "clock"
    rtp_timestamp: int = Field(ge=0, lt=1 << 32)
    at: UtcDatetime
    clock_source: ClockSource = "system"
    camera_offset_seconds: float | None = None
    """How far the camera's own clock is ahead of `at`, where the camera tells."""
    at_seconds: float | None = Field(default=None, ge=0)
    """Of a clip: how far into it this is."""


class Ended(_Message):
    """Nothing more comes of what was asked for; the connection stays."""

    say: Literal["ended"] = "ended"
    reason: EndReason
    rtp_timestamp: int | None = Field(default=None, ge=0, lt=1 << 32)
    """Of the last picture that left, where one did: whatever still comes up to it belongs to what has ended."""


class MediaRefused(_Message):
    """The agent cannot or will not show it."""

    say: Literal["refused"] = "refused"
    reason: str = Field(max_length=300)
    retryable: bool = False
    after_seconds: float | None = Field(default=None, ge=0)


First = Live | Play
"""What a connection may begin with."""
PlaybackCommand = Seek | Rate | Step | Pause | Jump
"""What only a clip can do."""
MediaCommand = Live | Play | Seek | Rate | Step | Pause | Jump | KeyframeWanted | Viewers | Received | Stop
MediaMessage = Showing | CameraClock | Ended | MediaRefused

MEDIA_COMMAND: TypeAdapter[MediaCommand] = TypeAdapter(Annotated[MediaCommand, Field(discriminator="do")])
VIEWER_COMMAND: TypeAdapter[PlaybackCommand] = TypeAdapter(Annotated[PlaybackCommand, Field(discriminator="do")])
"""What a viewer may say for itself; the hub hands it on once it is valid."""
MEDIA_MESSAGE: TypeAdapter[MediaMessage] = TypeAdapter(Annotated[MediaMessage, Field(discriminator="say")])


def read_message(kind: TypeAdapter[Said], message: str | bytes) -> Said:
    """What came over the channel; raises WireError where it is no text, too long, or nothing of that kind."""
    if not isinstance(message, str) or len(message) > MESSAGE_BYTES_MAX:
        raise WireError("no message of a media connection")
    try:
        return kind.validate_json(message)
    except ValidationError as error:
        raise WireError("no message of a media connection that is known here") from error
