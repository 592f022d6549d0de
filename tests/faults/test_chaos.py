"""`kill -9` of agents, hub and nats-server at random, with streams that are wiped: nothing lost, doubled or changed.

Two agents and a few kills in the default run; six agents and twenty runs, with a table, with
`pytest -m soak tests/faults/test_chaos.py`.
"""

import os
import random
import sys
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.faults.fleet import Fleet, Row, hub_rows, running_fleet, store_rows
from tests.faults.victims import Progress, Victim


@dataclass(frozen=True)
class Plan:
    """How much, and how rough: `kills` at random points of the way that `events` of each agent go."""

    agents: int
    events: int
    per_second: float
    kills: int

    @property
    def way(self) -> int:
        """Each event is recorded, then signed for."""
        return 2 * self.agents * self.events


@dataclass
class Campaign:
    """One fleet after another, and what became of their events."""

    found: Counter[str] = field(default_factory=Counter)

    def run(self, folder: Path, plan: Plan, chance: random.Random) -> None:
        progress = Progress()
        with ExitStack() as stack:
            fleet = stack.enter_context(running_fleet(folder, plan.agents))
            hub = stack.enter_context(Victim(fleet.hub_command, folder / "hub.log", lambda _line: None))
            agents = [stack.enter_context(self._agent(fleet, agent_id, plan, progress)) for agent_id in fleet.agent_ids]
            for point in sorted(chance.randrange(plan.way) for _ in range(plan.kills)):
                progress.reach(point)
                self._kill_one(chance, fleet, hub, agents)
            progress.reach(plan.way)
        self.found["runs"] += 1
        for agent_id in fleet.agent_ids:
            self.compare(store_rows(fleet, agent_id), hub_rows(fleet, agent_id), plan.events)

    @staticmethod
    def _agent(fleet: Fleet, agent_id: str, plan: Plan, progress: Progress) -> Victim:
        arguments = [str(fleet.agent_settings(agent_id)), str(plan.events), str(plan.per_second)]
        command = [sys.executable, "-m", "tests.faults.reporting", *arguments]
        return Victim(command, fleet.folder / f"{agent_id}.log", lambda line: progress.hear(agent_id, line))

    def _kill_one(self, chance: random.Random, fleet: Fleet, hub: Victim, agents: list[Victim]) -> None:
        victim = chance.choice(["agent", "agent", "hub", "server"])
        self.found[f"kills of {victim}"] += 1
        if victim != "server":
            process = hub if victim == "hub" else chance.choice(agents)
            process.kill()
            process.start()
            return
        fleet.server.kill()
        if chance.random() < 0.5:
            fleet.server.wipe()
            self.found["streams wiped"] += 1
        fleet.server.start()

    def compare(self, told: list[Row], stored: list[Row], events: int) -> None:
        """What one agent recorded, and what the hub has of it."""
        self.found["events"] += len(told)
        self.found["lost at the edge"] += events - len(told)
        hub, edge = Counter(row.place for row in stored), {row.place: row for row in told}
        self.found["lost"] += sum(place not in hub for place in edge)
        self.found["doubled"] += sum(count - 1 for count in hub.values())
        self.found["never recorded"] += sum(place not in edge for place in hub)
        self.found["changed"] += sum(row.place in edge and edge[row.place] != row for row in stored)

    def table(self) -> str:
        rows = ("runs", "events", "kills of agent", "kills of hub", "kills of server", "streams wiped")
        return "\n".join(f"{row:<20} {self.found[row]}" for row in (*rows, *FAULTS))


RUNS: Final = int(os.environ.get("VIGIE_RUNS", "20"))
SEED: Final = int(os.environ.get("VIGIE_SEED", random.randrange(10**6)))
FAULTS: Final = ("lost at the edge", "lost", "doubled", "never recorded", "changed")


def assert_exactly_once(campaign: Campaign, plan: Plan, runs: int) -> None:
    assert campaign.found["events"] == runs * plan.agents * plan.events, campaign.table()
    assert not any(campaign.found[fault] for fault in FAULTS), campaign.table()


@pytest.fixture
def chance() -> random.Random:
    """Said where a test fails, so that it can be seen again."""
    print(f"VIGIE_SEED={SEED}")
    return random.Random(SEED)


def test_events_arrive_once_whatever_is_killed(tmp_path: Path, chance: random.Random) -> None:
    plan = Plan(agents=2, events=600, per_second=300, kills=3)
    campaign = Campaign()
    campaign.run(tmp_path, plan, chance)
    assert_exactly_once(campaign, plan, 1)


def test_a_row_that_is_missing_twice_or_different_is_found() -> None:
    """The campaign itself can fail."""
    told = [Row("e", "mot", seq, f"body {seq}") for seq in range(1, 5)]
    campaign = Campaign()
    campaign.compare(told, [told[0], told[1], told[1], Row("e", "mot", 3, "other"), Row("e", "mot", 9, "x")], 5)
    assert [campaign.found[fault] for fault in FAULTS] == [1, 1, 1, 1, 1]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_events_arrive_once_in_twenty_rough_runs(tmp_path: Path, chance: random.Random) -> None:
    plan, campaign = Plan(agents=6, events=3000, per_second=150, kills=20), Campaign()
    for number in range(RUNS):
        campaign.run(tmp_path / str(number), plan, chance)
        print(f"\nafter run {number + 1} of {RUNS}\n{campaign.table()}", flush=True)
    assert_exactly_once(campaign, plan, RUNS)
