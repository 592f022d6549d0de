from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import nkeys
import pytest

from tests.hub.agents import NOON, new_key
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol, enrolled_keys, load_records, make_code, redeem, revocations, revoke
from vigie_shared.errors import CommandError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with Database(tmp_path / "hub.db") as opened:
        yield opened


def put(database: Database, agent_id: str, key: str) -> None:
    database.write_now(lambda connection: enrol(connection, agent_id, key, NOON, "amal"))


def code(database: Database, agent_id: str = "gate-1", hours: float = 24) -> bytes:
    return database.write_now(lambda connection: make_code(connection, agent_id, NOON, hours, "amal"))


def bring(database: Database, secret: bytes, *, agent_id: str = "gate-1", key: str = "", hours: float = 1) -> bool:
    brought, at = key or new_key().public_key, NOON + timedelta(hours=hours)
    return database.write_now(lambda connection: redeem(connection, agent_id, secret, brought, at))


def take_away(database: Database, agent_id: str) -> None:
    database.write_now(lambda connection: revoke(connection, agent_id, NOON, "amal"))


def audited(database: Database) -> list[tuple[str, str]]:
    rows = database.read_now(lambda connection: connection.execute("SELECT user, action FROM audit").fetchall())
    return [(row["user"], row["action"]) for row in rows]


def test_code_lets_one_key_in_once(database: Database) -> None:
    secret, key = code(database), new_key().public_key
    assert bring(database, secret, key=key)
    assert not bring(database, secret)
    assert database.read_now(enrolled_keys) == {"gate-1": key}
    assert audited(database) == [
        ("amal", "enrolment_code_made"),
        ("code", "agent_enrolled"),
        ("agent", "enrolment_refused"),
    ]


def test_code_counts_for_its_agent_and_its_time_alone(database: Database) -> None:
    secret = code(database, hours=2)
    assert not bring(database, secret, agent_id="gate-2")
    assert not bring(database, secret[:-1] + bytes([secret[-1] ^ 1]))
    assert not bring(database, b"")
    assert not bring(database, secret, hours=2)
    assert bring(database, secret, hours=1.99)


def test_newer_code_takes_the_place_of_an_older_one(database: Database) -> None:
    first, second = code(database), code(database)
    assert not bring(database, first)
    assert bring(database, second)


def test_secret_is_not_in_the_database(database: Database, tmp_path: Path) -> None:
    secret = code(database)
    database.close()
    everything = b"".join(file.read_bytes() for file in tmp_path.glob("hub.db*"))
    assert secret not in everything
    assert secret.hex().encode() not in everything


def test_revoked_agent_is_known_by_its_past_and_may_come_back_with_a_new_code(database: Database) -> None:
    key = new_key().public_key
    put(database, "gate-1", key)
    with pytest.raises(CommandError, match="is enrolled"):
        code(database)
    take_away(database, "gate-1")
    assert [record.state(NOON) for record in database.read_now(load_records)] == ["revoked"]
    assert database.read_now(lambda connection: revocations(connection, NOON)) == {key: int(NOON.timestamp())}
    assert bring(database, code(database), key=key)
    assert [record.state(NOON) for record in database.read_now(load_records)] == ["enrolled"]


def test_revocation_takes_an_open_code_too(database: Database) -> None:
    secret = code(database)
    take_away(database, "gate-1")
    assert not bring(database, secret)
    with pytest.raises(CommandError, match="is not enrolled"):
        take_away(database, "gate-1")


def test_revocation_is_kept_for_longer_than_any_copy_of_the_database(database: Database) -> None:
    put(database, "gate-1", new_key().public_key)
    take_away(database, "gate-1")
    assert len(database.read_now(lambda connection: revocations(connection, NOON + timedelta(days=365)))) == 1
    later = NOON + timedelta(days=401)
    assert database.read_now(lambda connection: revocations(connection, later)) == {}


def test_key_of_an_enrolled_agent_is_never_replaced_in_passing(database: Database) -> None:
    key = new_key().public_key
    put(database, "gate-1", key)
    with pytest.raises(CommandError, match="enrolled with another key"):
        put(database, "gate-1", new_key().public_key)
    with pytest.raises(CommandError, match="enrolled as agent gate-1"):
        put(database, "gate-2", key)
    assert database.read_now(enrolled_keys) == {"gate-1": key}


@pytest.mark.parametrize("agent_id", ["", "Gate", "a.b", "a*", "-a", "a" * 33, "a\n"])
def test_bad_name_is_refused_in_one_line(database: Database, agent_id: str) -> None:
    with pytest.raises(CommandError, match="agent id"):
        code(database, agent_id)


@pytest.mark.parametrize("hours", [0, -1, 10_000, float("nan")])
def test_code_is_good_for_some_hours(database: Database, hours: float) -> None:
    with pytest.raises(CommandError, match="hours"):
        code(database, hours=hours)


def test_bad_key_is_refused_in_one_line(database: Database) -> None:
    good = new_key().public_key
    altered = good[:10] + ("A" if good[10] != "A" else "B") + good[11:]
    server_key = new_key(nkeys.PREFIX_BYTE_SERVER).public_key
    for key in ("", "U", altered, good.lower(), server_key):
        with pytest.raises(CommandError, match="public key"):
            put(database, "gate-1", key)
