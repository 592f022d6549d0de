"""What a real nats-server counts of a connection, and how long it takes to say so."""

import asyncio
from pathlib import Path

from tests.hub.agents import until
from tests.hub.site import open_site
from tests.servers.nats_server import settled
from vigie_hub.bus.connection import Connection
from vigie_hub.bus.system import System
from vigie_hub.bus.traffic import Load, Traffic


async def test_server_counts_what_an_agent_sends_on_whatever_subject(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, site.agents[0].connected(site.server.url) as agent:
        connection = Connection(site.server.url, site.keys.trust.system_login())
        await connection.connect()
        system = System(connection, site.keys.trust.account)
        heard: dict[str, Traffic] = {}
        known = await system.sessions({})
        await system.watch_traffic(lambda traffic: heard.update({one.key: one for one in traffic}), known.get)
        for subject in ("p.a", "r.a.x", "e.b.lpr"):  # the last one is refused, and costs the server as much
            await agent.client.publish(subject, b"12345")
        await settled(agent.client)

        async def counted() -> bool:
            await system.ask_traffic()
            await asyncio.sleep(0)
            one = heard.get(agent.key.public_key)
            return one is not None and (one.messages, one.bytes) == (3, 15)

        await until(counted)
        assert heard[agent.key.public_key].age_seconds >= 0
        await connection.close()


async def test_connections_that_are_known_are_not_asked_for_their_names_again(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a", "b") as site, site.agents[0].connected(site.server.url) as agent:
        connection = Connection(site.server.url, site.keys.trust.system_login())
        await connection.connect()
        system = System(connection, site.keys.trust.account)
        found = await system.sessions({})
        assert agent.key.public_key in found.values()
        renamed = {session: f"known as {key}" for session, key in found.items()}
        assert await system.sessions(renamed) == renamed
        async with site.agents[1].connected(site.server.url) as other:
            assert set((await system.sessions(renamed)).values()) == {*found.values(), other.key.public_key}
        await connection.close()


async def test_what_all_connections_send_is_counted_together(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site, site.agents[0].connected(site.server.url) as agent:
        connection = Connection(site.server.url, site.keys.trust.system_login())
        await connection.connect()
        system = System(connection, site.keys.trust.account)
        heard: list[Load] = []
        await system.watch_load(heard.append)

        async def is_heard() -> bool:
            await system.ask_load()
            await asyncio.sleep(0)
            return len(heard) > 0

        await until(is_heard)
        first = heard[0]
        for _each in range(100):
            await agent.client.publish("p.a", b"12345")
        await settled(agent.client)

        async def is_counted() -> bool:
            await system.ask_load()
            await asyncio.sleep(0)
            newest = heard[-1]
            return newest.messages >= first.messages + 100 and newest.bytes >= first.bytes + 500

        await until(is_counted)
        assert {load.server_id for load in heard} == {first.server_id}
        await connection.close()
