"""WebRTC signaling over NATS request-reply: the hub offers, the agent answers.

An offer is a request on `c.<agent>.sig.<session>`; all candidates of both ends are in the two descriptions.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from vigie_shared.commands import Refused
from vigie_shared.ids import UniqueId


class ClipWanted(BaseModel):
    """The exact bytes of a clip, over data channel `transfer` (`vigie_shared.transfer`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    want: Literal["clip"] = "clip"
    clip_id: UniqueId
    priority: Literal["clip", "evidence", "bulk"] = "clip"
    """Whether somebody waits for it, it is to be kept safe, or it can come at any time."""


class Offer(BaseModel):
    """The hub's session description (SDP, RFC 8866) and what it wants."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: UniqueId
    sdp: str = Field(max_length=65_536)
    wanted: ClipWanted


class Answer(BaseModel):
    """The agent's session description."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    reply: Literal["answer"] = "answer"
    sdp: str = Field(max_length=65_536)


OFFER_REPLY: TypeAdapter[Answer | Refused] = TypeAdapter(Annotated[Answer | Refused, Field(discriminator="reply")])
