import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from zeroconf import IPVersion
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from tests.hub.agents import NOON, StoppedClock, new_key, until
from vigie_hub.database import Database
from vigie_hub.fleet import discovery
from vigie_hub.fleet.discovery import SERVICE_TYPE, Discovery, note, read_announcement
from vigie_hub.fleet.enrolment import enrol, enrolled_keys, load_records, make_code
from vigie_shared.errors import CommandError


def test_announcement_names_an_agent_and_the_key_it_claims() -> None:
    key = new_key().public_key
    assert read_announcement({"agent_id": "gate-1", "public_key": key}) == ("gate-1", key)


@pytest.mark.parametrize("agent_id", [None, "", "Über", "a.b", "x" * 40])
def test_announcement_without_a_usable_name_is_ignored(agent_id: str | None) -> None:
    assert read_announcement({"agent_id": agent_id, "public_key": new_key().public_key}) is None


@pytest.mark.parametrize("key", [None, "", "U123", "N" * 56])
def test_announced_key_that_is_none_is_left_out(key: str | None) -> None:
    assert read_announcement({"agent_id": "gate-1", "public_key": key}) == ("gate-1", None)


def test_hint_changes_nothing_of_an_enrolled_agent(tmp_path: Path) -> None:
    key = new_key().public_key
    with Database(tmp_path / "hub.db") as database:
        database.write_now(lambda connection: enrol(connection, "gate-1", key, NOON, "amal"))
        database.write_now(lambda connection: note(connection, "gate-1", new_key().public_key, NOON))
        assert database.read_now(enrolled_keys) == {"gate-1": key}


def test_flood_of_announcements_leaves_a_bounded_table_and_the_enrolled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "HINTS_MAX", 10)
    with Database(tmp_path / "hub.db") as database:
        database.write_now(lambda connection: enrol(connection, "gate-1", new_key().public_key, NOON, "amal"))
        for number in range(50):
            at = NOON + timedelta(seconds=number)
            database.write_now(lambda connection, n=number, t=at: note(connection, f"flood-{n}", None, t))  # type: ignore[misc]
        rows = database.read_now(lambda connection: connection.execute("SELECT agent_id FROM agents").fetchall())
        assert {row["agent_id"] for row in rows} == {"gate-1", *(f"flood-{number}" for number in range(40, 50))}


async def test_announcement_that_lies_changes_nothing_of_an_enrolled_agent(tmp_path: Path) -> None:
    key, lie = new_key().public_key, new_key().public_key
    name = f"true-{key[-8:].lower()}"
    async with Database(tmp_path / "hub.db") as database:
        await database.write(lambda connection: enrol(connection, name, key, NOON, "amal"))
        (before,) = await database.read(load_records)
        liar = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
        browsing = asyncio.create_task(Discovery(database, StoppedClock(), ["lo"]).run())
        try:
            await liar.async_register_service(announcement(name, lie))

            async def heard() -> bool:
                row = await database.read(
                    lambda connection: connection.execute(
                        "SELECT discovered_key FROM agents WHERE agent_id = ?", (name,)
                    ).fetchone()
                )
                return bool(row["discovered_key"] == lie)

            await until(heard)
            assert await database.read(enrolled_keys) == {name: key}
            assert before in await database.read(load_records)
            with pytest.raises(CommandError, match="is enrolled"):
                await database.write(lambda connection: make_code(connection, name, NOON, 1, "amal"))
        finally:
            browsing.cancel()
            await asyncio.gather(browsing, return_exceptions=True)
            await liar.async_close()


async def test_hub_listens_on_no_network_that_was_not_chosen(tmp_path: Path) -> None:
    async with Database(tmp_path / "hub.db") as database:
        for interfaces in ((), ("none0",), ("192.0.2.1",)):
            await asyncio.wait_for(Discovery(database, StoppedClock(), interfaces).run(), 5)


def announcement(name: str, key: str) -> AsyncServiceInfo:
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        addresses=[b"\x7f\x00\x00\x01"],
        port=1,
        properties={"agent_id": name, "public_key": key},
        server=f"{name}.local.",
    )


async def test_agent_that_announces_itself_is_shown(tmp_path: Path) -> None:
    key = new_key().public_key
    name = f"seen-{key[-8:].lower()}"
    async with Database(tmp_path / "hub.db") as database:
        zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
        browsing = asyncio.create_task(Discovery(database, StoppedClock(), ["127.0.0.1"]).run())
        try:
            await zeroconf.async_register_service(announcement(name, key))

            async def shown() -> bool:
                row = await database.read(
                    lambda connection: connection.execute(
                        "SELECT discovered_key, public_key FROM agents WHERE agent_id = ?", (name,)
                    ).fetchone()
                )
                return row is not None and tuple(row) == (key, None)

            await until(shown)
        finally:
            browsing.cancel()
            await asyncio.gather(browsing, return_exceptions=True)
            await zeroconf.async_close()
