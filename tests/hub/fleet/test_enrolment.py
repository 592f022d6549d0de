import tomllib
from collections.abc import Iterator
from pathlib import Path

import nkeys
import pytest

from tests.hub.agents import NOON, new_key
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import agent_snippet, enrol, enrol_all, enrolled_keys, load_records
from vigie_hub.settings import DialIn
from vigie_shared.errors import CommandError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "hub.db") as opened:
        yield opened


def put(database: Database, agent_id: str, key: str) -> bool:
    return database.write_now(lambda connection: enrol(connection, agent_id, key, NOON, "amal"))


def test_enrolled_key_is_known_and_audited_once(database: Database) -> None:
    key = new_key().public_key
    assert put(database, "gate-1", key)
    assert not put(database, "gate-1", key)
    assert database.read_now(enrolled_keys) == {"gate-1": key}
    rows = database.read_now(lambda connection: connection.execute("SELECT user, action, target FROM audit").fetchall())
    assert [tuple(row) for row in rows] == [("amal", "agent_enrolled", "gate-1")]


def test_key_of_an_enrolled_agent_is_never_replaced_in_passing(database: Database) -> None:
    key = new_key().public_key
    put(database, "gate-1", key)
    with pytest.raises(CommandError, match="enrolled with another key"):
        put(database, "gate-1", new_key().public_key)
    with pytest.raises(CommandError, match="enrolled as agent gate-1"):
        put(database, "gate-2", key)
    assert database.read_now(enrolled_keys) == {"gate-1": key}


@pytest.mark.parametrize("agent_id", ["", "Gate", "a.b", "-a", "a" * 33, "a\n"])
def test_bad_name_is_refused_in_one_line(database: Database, agent_id: str) -> None:
    with pytest.raises(CommandError, match="agent id"):
        put(database, agent_id, new_key().public_key)


def test_bad_key_is_refused_in_one_line(database: Database) -> None:
    good = new_key().public_key
    altered = good[:10] + ("A" if good[10] != "A" else "B") + good[11:]
    server_key = new_key(nkeys.PREFIX_BYTE_SERVER).public_key
    for key in ("", "U", altered, good.lower(), server_key):
        with pytest.raises(CommandError, match="public key"):
            put(database, "gate-1", key)


def test_agents_of_the_settings_are_enrolled_at_each_start(database: Database) -> None:
    agents = [DialIn(agent_id="gate-1", public_key=new_key().public_key)]
    for _start in range(2):
        database.write_now(lambda connection: enrol_all(connection, agents, NOON))
    assert [record.state(NOON) for record in database.read_now(load_records)] == ["enrolled"]


def test_snippet_is_toml_that_the_agent_takes() -> None:
    key = new_key(nkeys.PREFIX_BYTE_SERVER).public_key
    text = agent_snippet("nats://hub:4222", key)
    assert tomllib.loads(text) == {"hub": {"url": "nats://hub:4222", "public_key": key}}
