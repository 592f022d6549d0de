"""A hub whose database is brought back from a copy that is older than a revocation, beside its nats-server."""

import asyncio
import sqlite3
from pathlib import Path

from structlog.testing import capture_logs

from tests.hub.agents import Agent, until
from tests.hub.fleet.test_guard import refused
from tests.hub.overseen import Overseen, overseen
from tests.hub.site import Site, access, open_site
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol, recall, revocations, revoke
from vigie_hub.fleet.suspensions import suspend
from vigie_shared.clock import SystemClock


async def copied(site: Site) -> Path:
    """A backup of the database as it is now."""
    path = site.folder / "backup.db"

    def copy(connection: sqlite3.Connection) -> None:
        with sqlite3.connect(path) as target:
            connection.backup(target)
        target.close()

    await site.database.read(copy)
    return path


async def revoked_in(site: Site, seen: Overseen, agent: Agent) -> None:
    """Revoke, and wait until nats-server refuses."""
    now = SystemClock().now()  # as on the tokens
    await site.database.write(lambda connection: revoke(connection, agent.agent_id, now, "amal"))
    await seen.census.look()
    await until(lambda: refused(site, agent))


async def test_a_restored_hub_readmits_nobody_who_was_revoked_since(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gone", "good") as site:
        gone, good = site.agents
        backup = await copied(site)
        async with overseen(site) as seen:
            await revoked_in(site, seen, gone)
        async with Database(backup) as restored:
            assert await restored.read(lambda connection: revocations(connection, site.clock.now())) == {}
            site.database = restored
            site.server.configuration = await asyncio.to_thread(
                access, site.settings, site.keys, site.server.store_dir
            )  # made anew, of what the restored database knows
            await asyncio.to_thread(site.server.restart)
            assert await refused(site, gone), "nats-server itself must not forget"
            with capture_logs() as logs:
                async with overseen(site):
                    await until(lambda: is_revoked(site, "gone"))
            (line,) = [line for line in logs if line["event"] == "revocations_recalled"]
            assert line["agents"] == ["gone"]
            assert not await is_revoked(site, "good")
            assert await refused(site, gone)
            async with good.connected(site.server.url):
                pass


async def is_revoked(site: Site, agent_id: str) -> bool:
    return await site.count(f"agents WHERE agent_id = '{agent_id}' AND revoked_at IS NOT NULL") == 1


async def test_one_that_is_only_kept_out_for_now_is_not_revoked_by_it(tmp_path: Path) -> None:
    async with open_site(tmp_path, "loud") as site:
        site.clock.at = SystemClock().now()
        now = site.clock.now()
        backup = await copied(site)
        await site.database.write(lambda connection: suspend(connection, "loud", "too much", now))
        async with overseen(site):
            await until(lambda: refused(site, site.agents[0]))
        async with Database(backup) as restored:
            site.database = restored
            async with overseen(site):
                await until(lambda: _is_let_in(site))
            assert not await is_revoked(site, "loud")


async def _is_let_in(site: Site) -> bool:
    return not await refused(site, site.agents[0])


async def test_a_key_that_was_enrolled_again_after_its_revocation_stays(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site:
        key, now = site.agents[0].key.public_key, site.clock.now()
        known = {key: int(now.timestamp())}
        await site.database.write(lambda connection: revoke(connection, "gate-1", now, "amal"))
        site.clock.move(5)
        later = site.clock.now()
        await site.database.write(lambda connection: enrol(connection, "gate-1", key, later, "code"))
        await site.database.write(lambda connection: connection.execute("DELETE FROM revocations"))
        assert await site.database.write(lambda connection: recall(connection, known, later)) == []
        assert await site.database.read(lambda connection: revocations(connection, later)) == known
        assert not await is_revoked(site, "gate-1")
