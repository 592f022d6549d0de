from datetime import timedelta

from tests.hub.agents import NOON
from vigie_hub.fleet.registry import AgentRecord, AgentStateChanged, Registry


def registry(*records: AgentRecord) -> Registry:
    made = Registry()
    made.load(list(records), NOON)
    return made


def test_agent_goes_from_discovered_to_enrolled_to_online_to_lost_and_back() -> None:
    agents = Registry()
    assert agents.load([AgentRecord("a")], NOON) == [AgentStateChanged("a", None, "discovered")]
    assert agents.load([AgentRecord("a", "Ukey")], NOON) == [AgentStateChanged("a", "discovered", "enrolled")]
    assert agents.seen("a", NOON, heartbeat_seconds=10) == [AgentStateChanged("a", "enrolled", "online")]
    assert agents.tick(NOON + timedelta(seconds=30)) == []
    assert agents.tick(NOON + timedelta(seconds=31)) == [AgentStateChanged("a", "online", "lost")]
    assert agents.seen("a", NOON + timedelta(seconds=40)) == [AgentStateChanged("a", "lost", "online")]


def test_agent_that_beats_slowly_is_given_time() -> None:
    agents = registry(AgentRecord("a", "Ukey"))
    agents.seen("a", NOON, heartbeat_seconds=60)
    assert agents.tick(NOON + timedelta(seconds=179)) == []
    assert agents.tick(NOON + timedelta(seconds=181)) == [AgentStateChanged("a", "online", "lost")]


def test_batch_is_a_sign_of_life_and_keeps_the_interval() -> None:
    agents = registry(AgentRecord("a", "Ukey"))
    agents.seen("a", NOON, heartbeat_seconds=60)
    agents.seen("a", NOON + timedelta(seconds=100))
    assert agents.tick(NOON + timedelta(seconds=270)) == []


def test_agent_that_is_not_enrolled_never_becomes_online() -> None:
    agents = registry(AgentRecord("a"))
    assert agents.seen("a", NOON, heartbeat_seconds=10) == []
    assert agents.seen("nobody", NOON, heartbeat_seconds=10) == []
    assert not agents.is_online("a")
    assert not agents.is_enrolled("a")


def test_hub_that_restarts_goes_on_from_what_it_knew() -> None:
    agents = Registry()
    records = [
        AgentRecord("fresh", "U1", NOON - timedelta(seconds=5), 30),
        AgentRecord("stale", "U2", NOON - timedelta(hours=5), 30),
    ]
    agents.load(records, NOON)
    assert agents.is_online("fresh")
    assert not agents.is_online("stale")


def test_reloading_forgets_no_sign_of_life() -> None:
    agents = registry(AgentRecord("a", "Ukey"))
    agents.seen("a", NOON, heartbeat_seconds=10)
    assert agents.load([AgentRecord("a", "Ukey"), AgentRecord("b", "Uother")], NOON) == [
        AgentStateChanged("b", None, "enrolled")
    ]
    assert agents.is_online("a")
    assert agents.keys() == {"a": "Ukey", "b": "Uother"}
