"""The state of each agent: discovered → enrolled → online ⇄ lost. Reads no clock; the caller says when."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

AgentState = Literal["discovered", "enrolled", "online", "lost"]
LOST_AFTER_SECONDS: Final = 30.0
"""Until an agent says how often it gives a sign of life."""
HEARTBEATS_MISSED: Final = 3


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """What the state of an agent follows from."""

    agent_id: str
    public_key: str | None = None
    last_seen_at: datetime | None = None
    lost_after_seconds: float = LOST_AFTER_SECONDS

    def state(self, now: datetime) -> AgentState:
        """What it is at `now`."""
        if self.public_key is None:
            return "discovered"
        if self.last_seen_at is None:
            return "enrolled"
        silence = now - self.last_seen_at
        return "online" if silence <= timedelta(seconds=self.lost_after_seconds) else "lost"


@dataclass(frozen=True, slots=True)
class AgentStateChanged:
    """An agent went from one state to another."""

    agent_id: str
    before: AgentState | None
    after: AgentState


class Registry:
    """All agents that the hub knows; only enrolled ones are listened to."""

    def __init__(self) -> None:
        self._records: dict[str, AgentRecord] = {}
        self._states: dict[str, AgentState] = {}

    def load(self, records: list[AgentRecord], now: datetime) -> list[AgentStateChanged]:
        """Take over what the read model says; signs of life that came in meanwhile stay."""
        merged: dict[str, AgentRecord] = {}
        for record in records:
            known = self._records.get(record.agent_id)
            newer = known is not None and _later(known.last_seen_at, record.last_seen_at)
            if known is not None and newer and known.public_key == record.public_key:
                record = known
            merged[record.agent_id] = record
        self._records = merged
        self._states = {agent_id: state for agent_id, state in self._states.items() if agent_id in merged}
        return self.tick(now)

    def seen(self, agent_id: str, at: datetime, heartbeat_seconds: float | None = None) -> list[AgentStateChanged]:
        """A heartbeat (with its interval) or a batch came in; of an agent that is not enrolled it means nothing."""
        record = self._records.get(agent_id)
        if record is None or record.public_key is None:
            return []
        lost_after = HEARTBEATS_MISSED * heartbeat_seconds if heartbeat_seconds else record.lost_after_seconds
        self._records[agent_id] = AgentRecord(agent_id, record.public_key, at, lost_after)
        return self._settle(agent_id, at)

    def tick(self, now: datetime) -> list[AgentStateChanged]:
        """Time went by: who is lost now?"""
        return [change for agent_id in self._records for change in self._settle(agent_id, now)]

    def is_enrolled(self, agent_id: str) -> bool:
        """Whether the hub listens to this agent."""
        record = self._records.get(agent_id)
        return record is not None and record.public_key is not None

    def is_online(self, agent_id: str) -> bool:
        """Whether it gave a sign of life lately."""
        return self._states.get(agent_id) == "online"

    def keys(self) -> dict[str, str]:
        """The public key of each enrolled agent."""
        return {agent_id: record.public_key for agent_id, record in self._records.items() if record.public_key}

    def _settle(self, agent_id: str, now: datetime) -> list[AgentStateChanged]:
        before, after = self._states.get(agent_id), self._records[agent_id].state(now)
        if before == after:
            return []
        self._states[agent_id] = after
        return [AgentStateChanged(agent_id, before, after)]


def _later(known: datetime | None, stored: datetime | None) -> bool:
    return known is not None and (stored is None or known > stored)
