import sqlite3
from pathlib import Path

from tests.hub.agents import NOON, new_key
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol, revoke
from vigie_hub.video.pull.agent_keys import AgentKeys


async def test_what_an_agent_signs_is_checked_with_the_key_that_is_trusted_now(tmp_path: Path) -> None:
    key = new_key()

    def trust(connection: sqlite3.Connection) -> None:
        enrol(connection, "gate", key.public_key, NOON, "test")

    async with Database(tmp_path / "hub.db") as database:
        keys = AgentKeys(database)
        assert await keys.of("gate") is None
        await database.write(trust)
        trusted = await keys.of("gate")
        assert trusted is not None
        assert trusted.verify(b"a manifest", key.sign(b"a manifest"))
        assert not trusted.verify(b"another", key.sign(b"a manifest"))
        assert not trusted.verify(b"a manifest", "no signature")
        await database.write(lambda connection: revoke(connection, "gate", NOON, "test"))
        assert await keys.of("gate") is None
