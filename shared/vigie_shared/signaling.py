"""WebRTC signaling over NATS request-reply: the hub offers, the agent answers.

An offer is a request on `c.<agent>.sig.<session>`; all candidates of both ends are in the two descriptions.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from vigie_shared.commands import Refused
from vigie_shared.ice import ICE_SERVERS_MAX, IceServer
from vigie_shared.ids import UniqueId
from vigie_shared.media import First

ClipPriority = Literal["clip", "evidence", "bulk"]


class Door(BaseModel):
    """Where the agent is awaited over TCP, and the secret that proves which session it comes for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    secret: str = Field(min_length=32, max_length=128)
    url: str | None = Field(default=None, pattern=r"^https?://[^/\s]+$", max_length=300)
    """The hub's API, where it is another than the agent was told when it was enrolled."""


class ClipWanted(BaseModel):
    """The exact bytes of a clip, or of its sub-stream (`vigie_shared.transfer`): over data channel `transfer`, or over
    TCP where a door is named; the offer has no session description then, and neither has the answer.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    want: Literal["clip"] = "clip"
    clip_id: UniqueId
    priority: ClipPriority = "clip"
    """Whether somebody waits for it, it is to be kept safe, or it can come at any time."""
    quality: Literal["original", "sub"] = "original"
    """`sub`: made small by the agent; the manifest says that it is. An older agent offers the original."""
    road: Literal["channel", "tcp"] = "channel"
    door: Door | None = None
    """Where to come to by road `tcp` (`vigie_shared.road`)."""


class MediaWanted(BaseModel):
    """Live video or playback, over a video track and data channel `ctl` (`vigie_shared.media`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    want: Literal["media"] = "media"
    first: Annotated[First, Field(discriminator="do")] | None = None
    """What to begin with, to save a round trip."""
    ticket_id: UniqueId | None = None
    """The hub's ticket that somebody watches by, for the agent's log."""
    purpose: str = Field(default="", max_length=300)
    """Why, as the viewer said; shown at the edge, never logged."""


Wanted = ClipWanted | MediaWanted


class Offer(BaseModel):
    """The hub's session description (SDP, RFC 8866) and what it wants."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: UniqueId
    sdp: str = Field(max_length=65_536)
    wanted: Annotated[Wanted, Field(discriminator="want")]
    ice_servers: tuple[IceServer, ...] = Field(default=(), max_length=ICE_SERVERS_MAX)
    """Servers that the hub uses, for the agent to use beside its own."""


class Answer(BaseModel):
    """The agent's session description."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["answer"] = "answer"
    sdp: str = Field(max_length=65_536)


OFFER_REPLY: TypeAdapter[Answer | Refused] = TypeAdapter(Annotated[Answer | Refused, Field(discriminator="reply")])
