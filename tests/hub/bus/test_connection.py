import asyncio
from pathlib import Path

import pytest
from nats.errors import OutboundBufferLimitError
from structlog.testing import capture_logs

from tests.hub.agents import until
from tests.hub.site import open_site
from tests.servers.nats_server import settled
from vigie_hub.bus.connection import Connection


async def test_hub_that_starts_before_its_server_waits_and_complains_once(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        await site.connection.close()  # it would complain too
        await asyncio.to_thread(site.server.kill)
        connection = Connection(site.server.url, site.keys.trust.hub_login())
        with capture_logs() as logs:
            connecting = asyncio.create_task(connection.connect())

            async def complained() -> bool:
                return any(line["log_level"] == "debug" for line in logs)  # a second attempt failed too

            await until(complained)
            await asyncio.to_thread(site.server.start)
            await asyncio.wait_for(connecting, 20)
        await connection.close()
    aloud = [line["event"] for line in logs if line["log_level"] != "debug"]
    assert (aloud.count("nats_error"), aloud.count("nats_connected")) == (1, 1)


async def test_connection_comes_back_and_keeps_its_subscriptions(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        client = site.connection.client
        heard = await client.subscribe("_H.test")
        await settled(client)
        await asyncio.to_thread(site.server.restart)

        async def back() -> bool:
            return client.is_connected and client.stats["reconnects"] > 0

        await until(back)
        await settled(client)
        with pytest.raises(TimeoutError):
            await heard.next_msg(0.01)


async def test_nothing_is_buffered_while_the_server_is_away(tmp_path: Path) -> None:
    async with open_site(tmp_path) as site:
        await asyncio.to_thread(site.server.kill)
        await until(lambda: _away(site.connection))
        with pytest.raises(OutboundBufferLimitError):
            await site.connection.client.publish("c.gate.wm", b"late")


async def _away(connection: Connection) -> bool:
    return not connection.client.is_connected
