"""The state of each agent: discovered → enrolled → online ⇄ lost, suspended for a while, or revoked. Reads no clock.

nats-server says at once when an agent's connection comes and goes (`vigie_hub.fleet.presence`); while it does, that
alone decides. Where it cannot be asked, an agent is lost after three missed heartbeats.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

AgentState = Literal["discovered", "enrolled", "online", "lost", "suspended", "revoked"]
Link = Literal["up", "down"]
LOST_AFTER_SECONDS: Final = 30.0
"""Until an agent says how often it gives a sign of life."""
HEARTBEATS_MISSED: Final = 3


@dataclass(slots=True)
class AgentRecord:
    """What the state of an agent follows from."""

    agent_id: str
    public_key: str | None = None
    last_seen_at: datetime | None = None
    lost_after_seconds: float = LOST_AFTER_SECONDS
    link: Link | None = None
    """What nats-server says of its connection; None while nobody watches."""
    was_revoked: bool = False
    suspended_until: datetime | None = None

    def state(self, now: datetime) -> AgentState:
        """What it is at `now`."""
        if self.public_key is None:
            return "revoked" if self.was_revoked else "discovered"
        if self.suspended_until is not None and now < self.suspended_until:
            return "suspended"
        if self.link == "up":
            return "online"
        if self.last_seen_at is None:
            return "enrolled"
        if self.link == "down":
            return "lost"
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
        self._agents: dict[str, str] = {}

    def load(self, records: list[AgentRecord], now: datetime) -> list[AgentStateChanged]:
        """Take over what the read model says; signs of life that came in meanwhile stay."""
        merged: dict[str, AgentRecord] = {}
        for record in records:
            known = self._records.get(record.agent_id)
            newer = known is not None and _later(known.last_seen_at, record.last_seen_at)
            if known is not None and newer and known.public_key == record.public_key:
                record = replace(known, suspended_until=record.suspended_until)
            record = replace(record, link=known.link if known and known.public_key == record.public_key else None)
            merged[record.agent_id] = record
        self._records = merged
        self._agents = {record.public_key: agent_id for agent_id, record in merged.items() if record.public_key}
        self._states = {agent_id: state for agent_id, state in self._states.items() if agent_id in merged}
        return self.tick(now)

    def seen(self, agent_id: str, at: datetime, heartbeat_seconds: float | None = None) -> list[AgentStateChanged]:
        """A heartbeat (with its interval) or a batch came in; of an agent that is not enrolled it means nothing."""
        record = self._records.get(agent_id)
        if record is None or record.public_key is None:
            return []
        record.last_seen_at = at
        if heartbeat_seconds:
            record.lost_after_seconds = HEARTBEATS_MISSED * heartbeat_seconds
        return self._settle(agent_id, at)

    def linked(self, links: Mapping[str, Link | None], now: datetime) -> list[AgentStateChanged]:
        """Connections came or went, or (None) are no longer known of."""
        known = {agent_id: link for agent_id, link in links.items() if self.is_enrolled(agent_id)}
        for agent_id, link in known.items():
            self._records[agent_id].link = link
        return [change for agent_id in known for change in self._settle(agent_id, now)]

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

    def agent_with(self, public_key: str) -> str | None:
        """Who has this key."""
        return self._agents.get(public_key)

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
