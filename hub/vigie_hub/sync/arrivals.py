"""Arrivals: what came on a subject of stream `EVT`, read and checked, or why it cannot be taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from vigie_shared import subjects
from vigie_shared.batches import SCHEMA, Batch, Head, decode, encode, head_of, read_columns
from vigie_shared.columns.events import Group, groups_of
from vigie_shared.errors import WireError
from vigie_shared.events import LANES


@dataclass(frozen=True, slots=True)
class Arrival:
    """A batch, field by field, and the bytes that it came in."""

    agent_id: str
    lane: str
    head: Head
    groups: Sequence[Group]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that no repetition will make good; `head` is what it claims to hold, where that can be told."""

    agent_id: str
    reason: str
    subject: str
    lane: str | None = None
    head: Head | None = None
    payload: bytes = b""


def receive(subject: str, payload: bytes) -> Arrival | Refusal:
    """Read what came on `subject`."""
    agent_id, tokens = subjects.agent_of(subject), subject.split(".")
    if agent_id is None or len(tokens) != 3 or tokens[2] not in LANES:
        return Refusal(agent_id or "?", "subject is not e.<agent>.<lane>", subject)
    lane = tokens[2]
    try:
        if payload[:1] == bytes((SCHEMA,)):
            head, groups = read_columns(payload, agent_id=agent_id, lane=lane, lightly=True)
            return Arrival(agent_id, lane, head, groups, payload)
        return arrival_of(decode(payload, agent_id=agent_id, lane=lane), payload)
    except WireError as error:
        return Refusal(agent_id, str(error), subject, lane, head_of(payload), payload)


def arrival_of(batch: Batch, payload: bytes | None = None) -> Arrival:
    """A batch that is read already."""
    head = Head(batch.epoch, batch.first_seq, len(batch.events))
    return Arrival(batch.agent_id, batch.lane, head, groups_of(batch.events), payload or encode(batch))
