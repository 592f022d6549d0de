"""An agent's connection comes and goes on a real nats-server, and the registry knows at once."""

import asyncio
import time
from pathlib import Path

import nats.errors
import pytest

from tests.hub.agents import Agent, until
from tests.hub.overseen import overseen
from tests.hub.site import Site, open_site
from vigie_hub.fleet.enrolment import revoke
from vigie_hub.fleet.floods import LOOK_MESSAGES
from vigie_hub.fleet.presence import STRANGER_SECONDS, Sessions
from vigie_shared.clock import SystemClock


async def link_of(site: Site, agent_id: str) -> str | None:
    row = await site.database.read(
        lambda connection: connection.execute("SELECT link FROM agents WHERE agent_id = ?", (agent_id,)).fetchone()
    )
    link: str | None = row["link"]
    return link


async def test_agent_that_never_says_a_word_is_online_while_it_is_connected(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, overseen(site) as seen:

        async def is_down() -> bool:
            return await link_of(site, "a") == "down"

        async def is_online() -> bool:
            return seen.registry.is_online("a")

        await until(is_down)
        async with site.agents[0].connected(site.server.url):
            await until(is_online)
            site.clock.move(3600)  # no heartbeat for an hour
            seen.registry.tick(site.clock.now())
            assert seen.registry.is_online("a")
            assert not seen.registry.is_online("b")
            await until(lambda: _has(site, "a", "up"))
        await until(lambda: _has(site, "a", "down"))
        assert not seen.registry.is_online("a")


async def test_agents_that_were_there_before_the_hub_are_counted(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, site.agents[0].connected(site.server.url), overseen(site) as seen:
        await until(lambda: _has(site, "a", "up"))
        assert seen.registry.is_online("a")


async def test_restart_of_the_server_is_survived_and_links_are_counted_anew(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, overseen(site), site.agents[0].connected(site.server.url):
        await until(lambda: _has(site, "a", "up"))
        await asyncio.to_thread(site.server.kill)
        await until(lambda: _has(site, "a", None))
        await asyncio.to_thread(site.server.start)
        await until(lambda: _has(site, "a", "up"))


async def test_revoked_agent_is_cut_and_refused_and_others_stay(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, overseen(site) as seen:
        url = site.server.url
        async with site.agents[0].connected(url) as agent, site.agents[1].connected(url) as other:
            await until(lambda: _has(site, "a", "up"))
            now = SystemClock().now()  # as on the tokens
            await site.database.write(lambda connection: revoke(connection, "a", now, "amal"))
            began = time.perf_counter()
            await seen.census.look()
            async with asyncio.timeout(20):
                while agent.client.is_connected:  # noqa: ASYNC110 (nats-py calls nobody)
                    await asyncio.sleep(0.001)
            print(f"revoked session ended after {1000 * (time.perf_counter() - began):.1f} ms")
            again = Agent("a", agent.key)
            again.token = agent.token
            with pytest.raises(nats.errors.NoServersError):
                async with again.connected(url, reconnects=1):
                    pass
            assert "Authorization Violation" in again.errors[0]
            assert other.client.is_connected
            assert other.errors == []
        assert await site.count("agents WHERE agent_id = 'a' AND revoked_at IS NOT NULL") == 1


async def test_connection_that_speaks_and_that_nobody_told_of_is_asked_for(tmp_path: Path) -> None:
    async with (
        open_site(tmp_path, "a") as site,
        overseen(site) as seen,
        site.agents[0].connected(site.server.url) as agent,
    ):
        await until(lambda: _has(site, "a", "up"))
        seen.presence._sessions.end_survey({})  # as if the event had been lost
        seen.presence._settle_all()
        assert not seen.registry.is_online("a")
        site.clock.move(STRANGER_SECONDS)
        for _each in range(int(LOOK_MESSAGES)):
            await agent.client.publish("r.a.nothing", b"x")
        await agent.client.flush(timeout=30)

        async def is_online() -> bool:
            return seen.registry.is_online("a")

        await until(is_online)


async def _has(site: Site, agent_id: str, link: str | None) -> bool:
    return await link_of(site, agent_id) == link


def test_second_connection_of_one_agent_keeps_it_present() -> None:
    sessions = Sessions()
    sessions.came("UA", ("server", 1))
    sessions.came("UA", ("server", 2))  # the new one comes before the old one is given up
    sessions.went(("server", 1))
    assert sessions.has("UA")
    sessions.went(("server", 2))
    assert not sessions.has("UA")


def test_what_happens_during_a_survey_is_newer_than_its_result() -> None:
    sessions = Sessions()
    sessions.came("UA", ("server", 1))
    sessions.begin_survey()
    sessions.went(("server", 1))
    sessions.came("UB", ("server", 2))
    sessions.end_survey({("server", 1): "UA", ("server", 3): "UC"})
    assert [sessions.has(key) for key in ("UA", "UB", "UC")] == [False, True, True]


def test_event_that_comes_twice_or_late_counts_once() -> None:
    sessions = Sessions()
    sessions.came("UA", ("server", 1))
    sessions.came("UA", ("server", 1))
    sessions.went(("server", 1))
    sessions.went(("server", 9))
    assert not sessions.has("UA")
