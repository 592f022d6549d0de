"""Batches: consecutive events of one lane of one agent, as they travel in stream `EVT` (docs/design/batches.md).

Version 1 is JSON. Version 2 is `2, epoch, first_seq, count`, then columns, squeezed where that pays; whose it is, and
of which lane, its subject says. A hub reads both for ever.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from vigie_shared.columns.events import Group, events_of, read_groups, write_events
from vigie_shared.columns.packing import Reader, Writer
from vigie_shared.columns.squeezing import expand, squeeze
from vigie_shared.errors import WireError
from vigie_shared.events import EVENT, KINDS, LANES, AnyEvent, Lane, StrangeEvent, lane_of_kind, strange
from vigie_shared.ids import AgentId, UniqueId
from vigie_shared.ids import Sequence as Seq

SCHEMA: Final = 2
"""The newest version that this release writes and reads."""
EVENTS_MAX: Final = 256
BATCH_BYTES_MAX: Final = 512 * 1024
_BODY_BYTES_MAX: Final = 2 * 1024**2
SEQ_MAX: Final = (1 << 53) - 1
_JSON: Final = 0x7B
"""The brace with which version 1 begins; any other first byte is the version."""


class Batch(BaseModel):
    """Events `first_seq … first_seq + len(events) - 1` of one lane.

    `epoch` is made with the agent's outbox: a replaced disk starts a new epoch at sequence 1.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    schema_version: int = Field(default=SCHEMA, alias="v", ge=1)
    agent_id: AgentId
    epoch: UniqueId
    lane: Lane
    first_seq: Annotated[Seq, Field(ge=1)]
    events: tuple[AnyEvent | StrangeEvent, ...] = Field(min_length=1, max_length=EVENTS_MAX)

    @property
    def last_seq(self) -> int:
        """Sequence of the last event."""
        return self.first_seq + len(self.events) - 1


class _JsonBatch(Batch):
    """Version 1: the events of kinds that this release knows."""

    events: tuple[AnyEvent, ...] = Field(min_length=1, max_length=EVENTS_MAX)


@dataclass(frozen=True, slots=True)
class Head:
    """Which events a batch holds: its epoch, the sequence of the first, and how many."""

    epoch: str
    first_seq: int
    count: int

    @property
    def last_seq(self) -> int:
        """Sequence of the last event."""
        return self.first_seq + self.count - 1


def encode(batch: Batch) -> bytes:
    """In the version that the batch names."""
    if batch.schema_version == 1:
        return batch.model_dump_json(by_alias=True, exclude_none=True).encode()
    writer, body = Writer(), Writer()
    writer.data.append(SCHEMA)
    writer.data += bytes.fromhex(batch.epoch)
    writer.varint(batch.first_seq)
    writer.varint(len(batch.events) - 1)
    write_events(body, batch.events)
    squeeze(writer, bytes(body.data))
    return bytes(writer.data)


def decode(payload: bytes, *, agent_id: str, lane: str) -> Batch:
    """Read a batch that came in on the subject of `agent_id` and `lane`.

    Raises WireError where it is too large, breaks the schema, or claims to be someone else's.
    """
    if payload[:1] == bytes([SCHEMA]):
        head, groups = read_columns(payload, agent_id=agent_id, lane=lane)
        try:
            events = events_of(groups, head.count)
        except WireError as error:
            raise WireError(f"batch of {agent_id} in lane {lane}: {error}") from error
        return Batch.model_construct(
            schema_version=SCHEMA,
            agent_id=agent_id,
            epoch=head.epoch,
            lane=cast(Lane, lane),
            first_seq=head.first_seq,
            events=tuple(events),
        )
    _check_version(payload, agent_id, lane)
    batch = _decode_json(payload, agent_id, lane)
    if (batch.agent_id, batch.lane) != (agent_id, lane):
        raise WireError(f"batch on the subject of {agent_id}/{lane} claims to be of {batch.agent_id}/{batch.lane}")
    _check_lane(agent_id, lane, [event.kind for event in batch.events])
    return batch


def read_columns(payload: bytes, *, agent_id: str, lane: str, lightly: bool = False) -> tuple[Head, list[Group]]:
    """A batch of version 2 field by field, checked like `decode` does: for who has no need of models.

    `lightly` leaves out fields that nobody searches for, which are checked all the same, and gives identifiers as
    numbers.
    """
    _check_version(payload, agent_id, lane)
    try:
        reader = Reader(payload)
        if reader.byte() != SCHEMA:
            raise WireError("it is not in columns")
        head = _read_head(reader)
        groups = read_groups(Reader(expand(reader, _BODY_BYTES_MAX)), head.count, lightly)
    except WireError as error:
        raise WireError(f"batch of {agent_id} in lane {lane}: {error}") from error
    _check_lane(agent_id, lane, [group.kind for group in groups])
    return head, groups


def head_of(payload: bytes) -> Head | None:
    """What a batch claims to hold, even where the rest is beyond reading; None where not even that can be told."""
    try:
        if payload[:1] == bytes([_JSON]):
            found = from_json(payload) if len(payload) <= BATCH_BYTES_MAX else {}
            batch = _Claim.model_validate(found)
            return Head(batch.epoch, batch.first_seq, len(batch.events))
        return _read_head(Reader(payload, 1))
    except (WireError, ValueError):
        return None


class _Claim(BaseModel):
    epoch: UniqueId
    first_seq: Annotated[Seq, Field(ge=1)]
    events: list[Any] = Field(min_length=1, max_length=EVENTS_MAX)


def bodies(payload: bytes, *, agent_id: str, lane: str) -> list[dict[str, Any]]:
    """The events of a batch as JSON objects, with what a newer agent added to them."""
    batch = decode(payload, agent_id=agent_id, lane=lane)
    told = [{**(event.model_extra or {}), **event.model_dump(mode="json")} for event in batch.events]
    if batch.schema_version > 1:
        return told
    return [{**came, **known} for came, known in zip(from_json(payload)["events"], told, strict=True)]


def _read_head(reader: Reader) -> Head:
    epoch = reader.take(11).hex()
    first_seq = reader.varint(SEQ_MAX)
    if not first_seq:
        raise WireError("first_seq is 0")
    return Head(epoch, first_seq, reader.varint(EVENTS_MAX - 1) + 1)


def _check_version(payload: bytes, agent_id: str, lane: str) -> None:
    if len(payload) > BATCH_BYTES_MAX:
        raise WireError(f"batch of {agent_id} in lane {lane}: {len(payload)} bytes, the limit is {BATCH_BYTES_MAX}")
    version = payload[0] if payload else _JSON
    if SCHEMA < version < ord(" "):
        raise _too_new(agent_id, version)


def _too_new(agent_id: str, version: int) -> WireError:
    return WireError(f"batch of {agent_id}: schema {version}, this hub reads up to {SCHEMA}: update the hub")


def _check_lane(agent_id: str, lane: str, kinds: Sequence[str]) -> None:
    if lane not in LANES:
        raise WireError(f"batch of {agent_id}: there is no lane {lane}")
    stray = next((kind for kind in kinds if lane_of_kind(kind) not in (lane, None)), None)
    if stray is not None:
        raise WireError(f"batch of {agent_id}: {stray} does not travel in lane {lane}")


def _decode_json(payload: bytes, agent_id: str, lane: str) -> Batch:
    try:
        try:
            batch: Batch = _JsonBatch.model_validate_json(payload)
        except ValidationError as error:
            if not any(fault["type"] == "union_tag_invalid" for fault in error.errors(include_url=False)):
                raise
            batch = _with_strangers(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "batch"
        raise WireError(f"batch of {agent_id} in lane {lane}: {where}: {first['msg']}") from error
    if batch.schema_version > 1:
        raise _too_new(agent_id, batch.schema_version)
    return Batch.model_construct(**dict(batch))


def _with_strangers(payload: bytes) -> Batch:
    """A batch with events of kinds that only a newer agent knows."""
    found: dict[str, Any] = from_json(payload, allow_inf_nan=False)
    events = tuple(
        strange(row) if row.get("kind") not in KINDS else EVENT.validate_json(json.dumps(row))
        for row in found["events"]
    )
    return Batch.model_validate({**found, "events": events})
