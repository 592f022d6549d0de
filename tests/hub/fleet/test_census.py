from pathlib import Path

from tests.hub.agents import StoppedClock, new_key
from vigie_hub.database import Database
from vigie_hub.fleet.census import EDITION, Census
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.fleet.registry import Registry


async def test_agent_that_a_command_enrolled_is_noticed_once(tmp_path: Path) -> None:
    clock, told, enrolled = StoppedClock(), list[str](), list[dict[str, str]]()
    registry, key = Registry(), new_key().public_key

    async def on_changed() -> None:
        enrolled.append(registry.keys())

    async with Database(tmp_path / "hub.db") as database, Database(tmp_path / "hub.db") as command:
        census = Census(database, registry, clock, told.append)
        census.on_changed = on_changed
        await census.look()
        assert not registry.is_enrolled("gate-1")
        await command.write(lambda connection: enrol(connection, "gate-1", key, clock.now(), "cli"))
        await census.look()
        await census.look()
    assert registry.is_enrolled("gate-1")
    assert enrolled == [{"gate-1": key}]
    assert told == ["agents"]


def test_looking_whether_anybody_was_enrolled_reads_no_agents_row(tmp_path: Path) -> None:
    with Database(tmp_path / "hub.db") as database:
        plan = database.read_now(lambda c: [row["detail"] for row in c.execute(f"EXPLAIN QUERY PLAN {EDITION}")])
    assert [step for step in plan if step.startswith("SCAN agents")] == [
        "SCAN agents USING COVERING INDEX agents_known"
    ]


async def test_silence_is_noticed_and_told(tmp_path: Path) -> None:
    clock, told, registry = StoppedClock(), list[str](), Registry()
    async with Database(tmp_path / "hub.db") as database:
        await database.write(lambda connection: enrol(connection, "gate-1", new_key().public_key, clock.now(), "cli"))
        census = Census(database, registry, clock, told.append)
        await census.look()
        census.announce(registry.seen("gate-1", clock.now(), 10))
        clock.move(31)
        await census.look()
    assert not registry.is_online("gate-1")
    assert told == ["agents", "agents", "agents"]
