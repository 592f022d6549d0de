"""One JPEG a second over NATS, for links on which no media connection comes through.

The hub asks for each picture by itself, once the one before has arrived: so nothing waits on the way, no picture comes
after a newer one, an agent sends to nobody who does not ask, and it needs no right but to answer.

```
hub ── StillWish ──→ agent      a request on c.<agent>.still
    ←── StillHead, newline, JPEG ──   or Refused
```
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vigie_shared.clock import ClockSource, UtcDatetime
from vigie_shared.commands import Refused
from vigie_shared.errors import WireError
from vigie_shared.ids import CameraId, Sequence, UniqueId

STILL_SECONDS: Final = 1.0
"""From one picture to the next."""
STILL_BYTES_MAX: Final = 32 * 1024
STILL_WIDTH_MAX_PX: Final = 640
STILL_HEIGHT_MAX_PX: Final = 640
PATIENCE_SECONDS: Final = 8.0
"""How long an agent looks for a picture that may leave; then it says why there is none."""
LEASE_SECONDS: Final = 10.0
"""An agent that is asked for nothing for so long lets go of the camera."""


class StillWish(BaseModel):
    """A picture of the camera that is newer than the last, as soon as one is due."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    camera_id: CameraId
    viewers: int = Field(default=1, ge=0, le=100_000)
    """How many people see it, for the light at the edge; 0: nobody any more, and no picture is wanted."""
    received: Sequence | None = None
    """The last picture that arrived: tells the agent how fast its link is."""
    ticket_id: UniqueId | None = None
    """The hub's ticket that somebody looks by, for the agent's log; with the first wish."""


class StillHead(BaseModel):
    """What a picture is of. Its size stands in the JPEG itself."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    reply: Literal["still"] = "still"
    number: Sequence
    at: UtcDatetime
    """When the camera took it."""
    clock_source: ClockSource = "system"
    camera_offset_seconds: float | None = None
    """How far the camera's own clock is ahead of `at`, where the camera tells."""


@dataclass(frozen=True, slots=True)
class Still:
    """A picture as it travels."""

    head: StillHead
    jpeg: bytes

    def encode(self) -> bytes:
        """For the wire."""
        return self.head.model_dump_json(exclude_none=True).encode() + b"\n" + self.jpeg


_HEAD: Final[TypeAdapter[StillHead | Refused]] = TypeAdapter(
    Annotated[StillHead | Refused, Field(discriminator="reply")]
)
_HEAD_BYTES_MAX: Final = 4096


def decode_reply(payload: bytes) -> Still | Refused:
    """What an agent answered; raises WireError. Whether the picture is a JPEG is for whoever shows it to see."""
    head, _newline, jpeg = payload.partition(b"\n")
    if len(head) > _HEAD_BYTES_MAX or len(jpeg) > STILL_BYTES_MAX:
        raise WireError("too large for a still")
    try:
        said = _HEAD.validate_json(head)
    except ValidationError as error:
        raise WireError("neither a still nor a refusal") from error
    return said if isinstance(said, Refused) else Still(said, jpeg)
