"""What the hub may ask of an agent on `c.<agent>.cmd`, and the replies."""

from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter

from vigie_shared.ids import UniqueId


class CropRequest(BaseModel):
    """The picture of a plate, for a human to confirm a hit."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: Literal["crop"] = "crop"
    read_id: UniqueId


class ReportRequest(BaseModel):
    """A whole heartbeat, now: the hub does not know what the last one stands on."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: Literal["report"] = "report"


class Reporting(BaseModel):
    """The heartbeat follows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["reporting"] = "reporting"


class CropReply(BaseModel):
    """The plate's picture, JPEG."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["crop"] = "crop"
    read_id: UniqueId
    jpeg: Base64Bytes = Field(max_length=65_536)


HoldKind = Literal["pin", "legal"]
"""A pin: somebody wants the clip. A legal hold: a law or a court asks for it."""


class HoldRequest(BaseModel):
    """Keep a clip at the edge until told otherwise, or no longer; the hub keeps who asked, and why."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    command: Literal["hold"] = "hold"
    clip_id: UniqueId
    kind: HoldKind
    wanted: bool


class HoldReply(BaseModel):
    """What now holds for the clip, durably."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["hold"] = "hold"
    clip_id: UniqueId
    kind: HoldKind
    wanted: bool


class Refused(BaseModel):
    """The agent cannot or will not; `retryable` says whether asking again helps."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["refused"] = "refused"
    reason: str = Field(max_length=300)
    retryable: bool = False
    after_seconds: float | None = Field(default=None, ge=0)
    """When asking again is worth it, where the agent knows."""


COMMAND: TypeAdapter[CropRequest | HoldRequest | ReportRequest] = TypeAdapter(
    Annotated[CropRequest | HoldRequest | ReportRequest, Field(discriminator="command")]
)
COMMAND_REPLY: TypeAdapter[CropReply | HoldReply | Reporting | Refused] = TypeAdapter(
    Annotated[CropReply | HoldReply | Reporting | Refused, Field(discriminator="reply")]
)
