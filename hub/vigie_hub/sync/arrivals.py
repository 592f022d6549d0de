"""Arrivals: what came on a subject of stream `EVT`, read and checked, or why it cannot be taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vigie_hub.sync.lockstep.reads import read_together
from vigie_shared import subjects
from vigie_shared.batches import SCHEMA, Batch, Head, decode, encode, head_of, read_columns
from vigie_shared.columns.events import Group, groups_of
from vigie_shared.errors import WireError
from vigie_shared.events import LANES

READS_LANE: Final = "lpr"
_COLUMNS: Final = bytes((SCHEMA,))
TOGETHER_MIN: Final = 24
"""Fewer batches are read sooner one by one."""


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


def receive_all(messages: Sequence[tuple[str, bytes]]) -> list[Arrival | Refusal]:
    """What `receive` says of each of `messages`, subject and payload: plate reads together, where there are many."""
    received: list[Arrival | Refusal | None] = [None] * len(messages)
    reads = [
        (place, agent_id, payload)
        for place, (subject, payload) in enumerate(messages)
        for agent_id, lane in [_whose(subject)]
        if agent_id is not None and lane == READS_LANE and payload[:1] == _COLUMNS
    ]
    if len(reads) >= TOGETHER_MIN:
        found = read_together([payload for _place, _agent_id, payload in reads])
        for (place, agent_id, payload), batch in zip(reads, found, strict=True):
            received[place] = batch and Arrival(agent_id, READS_LANE, *batch, payload)
    return [known or receive(*message) for known, message in zip(received, messages, strict=True)]


def _whose(subject: str) -> tuple[str | None, str]:
    """The agent and the lane that a subject names; no agent where it names no lane."""
    tokens = subject.split(".")
    return (subjects.agent_of(subject) if len(tokens) == 3 and tokens[2] in LANES else None), tokens[-1]


def receive(subject: str, payload: bytes) -> Arrival | Refusal:
    """Read what came on `subject`."""
    agent_id, lane = _whose(subject)
    if agent_id is None:
        return Refusal(subjects.agent_of(subject) or "?", "subject is not e.<agent>.<lane>", subject)
    try:
        if payload[:1] == _COLUMNS:
            head, groups = read_columns(payload, agent_id=agent_id, lane=lane, lightly=True)
            return Arrival(agent_id, lane, head, groups, payload)
        return arrival_of(decode(payload, agent_id=agent_id, lane=lane), payload)
    except WireError as error:
        return Refusal(agent_id, str(error), subject, lane, head_of(payload), payload)


def arrival_of(batch: Batch, payload: bytes | None = None) -> Arrival:
    """A batch that is read already."""
    head = Head(batch.epoch, batch.first_seq, len(batch.events))
    return Arrival(batch.agent_id, batch.lane, head, groups_of(batch.events), payload or encode(batch))
