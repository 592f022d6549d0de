import asyncio
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.hub.agents import Agent
from tests.hub.site import authorization, open_site
from tests.servers.nats_server import NatsServer, settled
from vigie_hub.bus.configuration import NatsConfiguration


async def refusal(agent: Agent) -> str:
    """What nats-server says to the last thing that `agent` tried."""
    async with asyncio.timeout(10):
        await settled(agent.client)
        await agent.refused.wait()
    agent.refused.clear()
    return agent.errors.pop()


async def test_agent_speaks_under_its_own_name_only(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, site.agents[0].connected(site.server.url) as agent:
        for subject in ("e.b.lpr", "p.b", "w.b", "c.b.cmd", "c.a.wm", "_I.b.x", "_H.x", "$JS.API.STREAM.DELETE.EVT"):
            await agent.client.publish(subject, b"{}")
            assert "permissions violation for publish" in (await refusal(agent)).lower(), subject


async def test_agent_hears_its_own_subjects_only(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, site.agents[0].connected(site.server.url) as agent:
        for subject in ("c.b.>", "c.b.wm", "c.>", "e.>", "p.*", "_I.b.>", "_INBOX.>", "_H.>", ">"):
            await agent.client.subscribe(subject)
            assert "permissions violation for subscription" in (await refusal(agent)).lower(), subject


async def test_agent_may_say_and_hear_what_it_needs(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, site.agents[0].connected(site.server.url) as agent:
        hub: Client = site.connection.client
        heard = await hub.subscribe("p.*")
        await settled(hub)
        for subject in ("e.a.lpr", "w.a", "p.a"):
            await agent.client.publish(subject, b"alive")
        for subject in ("c.a.wm", "c.a.sig.*", "c.all.>", "_I.a.>"):
            await agent.client.subscribe(subject)
        await settled(agent.client)
        assert (await heard.next_msg(10)).data == b"alive"
        assert agent.errors == []


async def test_agent_answers_the_hub_although_it_may_not_write_to_its_inbox(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, site.agents[0].connected(site.server.url) as agent:

        async def answer(message: Msg) -> None:
            await message.respond(b"here")

        await agent.client.subscribe("c.a.cmd", cb=answer)
        await settled(agent.client)
        assert (await site.connection.client.request("c.a.cmd", b"?", timeout=10)).data == b"here"


async def test_nobody_without_an_enrolled_key_comes_in(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site:

        async def quiet(error: Exception) -> None:
            pass

        for seed in (None, Agent("stranger").key.seed):
            client = Client()
            with pytest.raises(nats.errors.Error):
                await client.connect(site.server.url, error_cb=quiet, allow_reconnect=False, nkeys_seed_str=seed)
            await client.close()


async def test_enrolment_lets_an_agent_in_without_cutting_the_others(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, site.agents[0].connected(site.server.url) as agent:
        late = Agent("late")
        configuration = authorization(site.keys.nats.public_key, [agent, late])
        await asyncio.to_thread(site.server.configure, configuration)
        async with asyncio.timeout(10):
            while True:
                try:
                    async with late.connected(site.server.url):
                        break
                except nats.errors.Error:
                    await asyncio.sleep(0.01)
        assert agent.client.is_connected
        assert agent.client.stats["reconnects"] == 0


def test_whole_configuration_is_one_that_nats_server_takes(tmp_path: Path) -> None:
    agents = {agent_id: Agent(agent_id).key.public_key for agent_id in ("a", "b")}
    configuration = NatsConfiguration("nats://127.0.0.1:0", tmp_path / "js", Agent("hub").key.public_key, agents)
    text = configuration.text().replace('"127.0.0.1:4222"', '"127.0.0.1:-1"')
    server = NatsServer(tmp_path / "nats")
    server._file_text = lambda: text  # type: ignore[method-assign]
    with server:
        assert server.port > 0


@pytest.mark.parametrize(
    ("url", "listen"),
    [("nats://127.0.0.1", "127.0.0.1:4222"), ("nats://10.0.0.7:5000", "10.0.0.7:5000"), ("nats://[::1]:1", "[::1]:1")],
)
def test_server_listens_where_the_url_says(tmp_path: Path, url: str, listen: str) -> None:
    text = NatsConfiguration(url, tmp_path, "U").text()
    assert f'listen: "{listen}"' in text
