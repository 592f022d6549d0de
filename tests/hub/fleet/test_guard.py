"""A rogue with valid credentials against a real nats-server: cut, told of, kept out, let in again."""

import asyncio
import contextlib
from pathlib import Path

import nats.errors
import pytest
from structlog.testing import capture_logs

from tests.hub.agents import Agent, until
from tests.hub.overseen import overseen
from tests.hub.site import Site, open_site
from vigie_agent.credentials import signed_wish
from vigie_agent.keys import AgentKey
from vigie_hub.api.queries.agents import list_agents
from vigie_hub.fleet.admission import Admission, SuspendedError
from vigie_hub.fleet.floods import MESSAGES_BURST
from vigie_hub.fleet.suspensions import FIRST_SECONDS, suspend
from vigie_shared.clock import SystemClock


async def flood(rogue: Agent) -> None:
    """Twice what it may, on a subject that nobody listens to."""
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):  # cut already
        for _each in range(int(MESSAGES_BURST) * 2):
            await rogue.client.publish("r.rogue.nothing", b"x")
        await rogue.client.flush()


async def state_of(site: Site, agent_id: str) -> tuple[str, str | None]:
    now = site.clock.now()
    agents = await site.database.read(lambda connection: list_agents(connection, now))
    return next((agent.state, agent.suspended_because) for agent in agents if agent.agent_id == agent_id)


async def is_suspended(site: Site) -> bool:
    return (await state_of(site, "rogue"))[0] == "suspended"


async def refused(site: Site, agent: Agent) -> bool:
    again = Agent(agent.agent_id, agent.key)
    again.token = agent.token
    try:
        async with again.connected(site.server.url, reconnects=1):
            return False
    except nats.errors.Error:
        return "Authorization Violation" in again.errors[0]


async def test_agent_that_floods_is_cut_and_told_of_in_one_line_and_others_stay(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1", "rogue") as site:
        site.clock.at = SystemClock().now()  # as on the tokens; it stands, so that a slow machine floods too
        await _see_a_flood(site)


async def _see_a_flood(site: Site) -> None:
    async with overseen(site):
        url = site.server.url
        async with site.agents[0].connected(url) as agent, site.agents[1].connected(url, reconnects=0) as rogue:
            with capture_logs() as logs:
                await until(lambda: _is_gone(rogue))
            (line,) = [line for line in logs if line["event"] == "agent_suspended"]
            assert (line["agent_id"], line["seconds"], line["log_level"]) == ("rogue", FIRST_SECONDS, "warning")
            assert await refused(site, rogue)
            assert agent.client.is_connected
            assert agent.errors == []
        assert await site.count("audit WHERE action = 'agent_suspended' AND target = 'rogue'") == 1


async def _is_gone(rogue: Agent) -> bool:
    """Flood on, unless it was cut."""
    if rogue.client.is_connected:
        await flood(rogue)
    return not rogue.client.is_connected


async def test_suspended_agent_is_shown_gets_no_new_token_and_is_let_in_again_by_itself(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site, overseen(site) as seen:
        rogue = site.agents[0]
        site.clock.at = SystemClock().now()  # as on the tokens
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "rogue", "too much", now))
        await seen.guard.refresh()
        await until(lambda: refused(site, rogue))
        assert await state_of(site, "rogue") == ("suspended", "too much")
        key = AgentKey(rogue.key.seed)
        admission = Admission(
            site.settings, site.database, site.keys.trust, site.keys.certificates, site.keys.receipts, site.clock
        )
        with pytest.raises(SuspendedError) as caught:
            await admission.renew(signed_wish(key, "rogue"))
        assert caught.value.seconds == FIRST_SECONDS
        site.clock.move(FIRST_SECONDS + 1)

        async def is_back() -> bool:
            return not await refused(site, rogue)

        await until(is_back)
        assert (await state_of(site, "rogue"))[0] != "suspended"


async def test_a_suspension_outlives_a_restart_of_hub_and_server(tmp_path: Path) -> None:
    async with open_site(tmp_path, "rogue") as site:
        site.clock.at = SystemClock().now()
        now = site.clock.now()
        await site.database.write(lambda connection: suspend(connection, "rogue", "too much", now))
        await asyncio.to_thread(site.server.restart)
        async with overseen(site):
            await until(lambda: refused(site, site.agents[0]))
