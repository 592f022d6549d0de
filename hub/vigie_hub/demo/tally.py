"""What the demo has seen, counted; the summary of `--once` is made of nothing else."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from vigie_hub.demo.scenes import Camera


class Pulled(BaseModel):
    """One clip that was brought from its agent to the hub."""

    clip_id: str
    bytes: int
    sha256_agent: str
    sha256_hub: str
    seconds: float


class Summary(BaseModel):
    """What `vigie demo --once --json` prints."""

    agents: int
    motion_events: int
    plate_reads: int
    plate_reads_correct: int
    plates_shown: int
    """Vehicles in the films that came by with a plate."""
    plates_read_exactly: int
    """Of those, how many were read exactly at least once."""
    alerts: int
    clips: int
    pulled: list[Pulled]
    lost: int
    """Events that an agent recorded and the hub has not."""

    def failures(self) -> list[str]:
        """What a first look must not find; empty when the thread held."""
        unequal = [clip.clip_id for clip in self.pulled if clip.sha256_agent != clip.sha256_hub]
        findings = {
            "agents": self.agents < 3,
            "alerts": self.alerts < 1,
            "clips": self.clips < 1,
            "pulled": not self.pulled or bool(unequal),
            "lost": self.lost != 0,
            "plates": self.plates_read_exactly * 10 < self.plates_shown * 9,
        }
        return [name for name, failed in findings.items() if failed]


@dataclass
class Tally:
    """Counts events of the hub, each by its id once."""

    cameras: Sequence[Camera]
    kinds: Counter[str] = field(default_factory=Counter)
    reads: list[tuple[str, str]] = field(default_factory=list)
    sequences: set[tuple[str, str, int]] = field(default_factory=set)
    """Agent, lane and sequence of every event that the hub has."""
    newest_id: int = 0

    def feed(self, events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Count what is new and return it, oldest first."""
        fresh = [event for event in events if event["id"] > self.newest_id]
        for event in fresh:
            self.newest_id = max(self.newest_id, event["id"])
            self.kinds[event["kind"]] += 1
            self.sequences.add((event["agent_id"], event["lane"], event["seq"]))
            if event["kind"] == "plate_read":
                self.reads.append((event["agent_id"], event["body"]["text"]))
        return fresh

    def lacking(self, newest: Mapping[str, Mapping[str, int]]) -> int:
        """How many of the events that agents recorded, up to `newest[agent][lane]`, the hub has not."""
        return sum(
            (agent_id, lane, seq) not in self.sequences
            for agent_id, lanes in newest.items()
            for lane, last in lanes.items()
            for seq in range(1, last + 1)
        )

    def plates_of(self, agent_id: str) -> frozenset[str]:
        """The plates that one agent's films show."""
        return frozenset(plate for camera in self.cameras if camera.agent_id == agent_id for plate in camera.plates)

    def correct_reads(self) -> int:
        """Reads that say exactly what one of the agent's films shows."""
        return sum(text in self.plates_of(agent_id) for agent_id, text in self.reads)

    def shown_and_read(self) -> tuple[int, int]:
        """Plates that the films show, and how many of them were read exactly."""
        shown = {(camera.agent_id, plate) for camera in self.cameras for plate in camera.plates}
        return len(shown), len(shown & set(self.reads))

    def summary(self, *, agents: int, alerts: int, pulled: list[Pulled], lost: int) -> Summary:
        """All counts so far."""
        shown, read = self.shown_and_read()
        return Summary(
            agents=agents,
            motion_events=self.kinds["motion_started"],
            plate_reads=len(self.reads),
            plate_reads_correct=self.correct_reads(),
            plates_shown=shown,
            plates_read_exactly=read,
            alerts=alerts,
            clips=self.kinds["clip_stored"],
            pulled=pulled,
            lost=lost,
        )
