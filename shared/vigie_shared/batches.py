"""Batches: consecutive events of one lane of one agent, as they travel in stream `EVT`."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vigie_shared.errors import WireError
from vigie_shared.events import AnyEvent, Lane, lane_of
from vigie_shared.ids import AgentId, Sequence, UniqueId

SCHEMA: Final = 1
EVENTS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 512 * 1024


class Batch(BaseModel):
    """Events `first_seq … first_seq + len(events) - 1` of one lane.

    `epoch` is made with the agent's outbox: a replaced disk starts a new epoch at sequence 1.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = Field(default=SCHEMA, alias="v", ge=1)
    agent_id: AgentId
    epoch: UniqueId
    lane: Lane
    first_seq: Annotated[Sequence, Field(ge=1)]
    events: tuple[AnyEvent, ...] = Field(min_length=1, max_length=EVENTS_MAX)

    @property
    def last_seq(self) -> int:
        """Sequence of the last event."""
        return self.first_seq + len(self.events) - 1


def encode(batch: Batch) -> bytes:
    """JSON, in UTF-8."""
    return batch.model_dump_json(by_alias=True, exclude_none=True).encode()


def decode(payload: bytes, *, agent_id: str, lane: str) -> Batch:
    """Read a batch that came in on the subject of `agent_id` and `lane`.

    Raises WireError where it is too large, breaks the schema, or claims to be someone else's.
    """
    if len(payload) > BATCH_BYTES_MAX:
        raise WireError(f"batch of {agent_id} in lane {lane}: {len(payload)} bytes, the limit is {BATCH_BYTES_MAX}")
    try:
        batch = Batch.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "batch"
        raise WireError(f"batch of {agent_id} in lane {lane}: {where}: {first['msg']}") from error
    if batch.schema_version > SCHEMA:
        raise WireError(
            f"batch of {agent_id}: schema {batch.schema_version}, this hub reads up to {SCHEMA}: update the hub"
        )
    if (batch.agent_id, batch.lane) != (agent_id, lane):
        raise WireError(f"batch on the subject of {agent_id}/{lane} claims to be of {batch.agent_id}/{batch.lane}")
    stray = next((event for event in batch.events if lane_of(event) != batch.lane), None)
    if stray is not None:
        raise WireError(f"batch of {agent_id}: {stray.kind} does not travel in lane {lane}")
    return batch
