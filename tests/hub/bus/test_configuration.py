import asyncio
from pathlib import Path

import nats.errors
import pytest
from nats.aio.client import Client

from tests.hub.agents import Agent
from tests.hub.site import hub_settings, open_site
from tests.servers.nats_server import NatsServer
from vigie_hub.bus.configuration import NatsConfiguration, nats_configuration
from vigie_hub.identity import Identity


async def quiet(_error: Exception) -> None:
    """What is refused here is refused on purpose."""


async def test_nobody_comes_in_without_a_token_of_this_hub(tmp_path: Path) -> None:
    async with open_site(tmp_path, "a") as site:
        known, stranger = site.agents[0], Agent("a")
        other = await asyncio.to_thread(Identity.of, hub_settings(tmp_path / "other"))
        foreign = Agent("a").trusted_by(other.trust)
        stolen = Agent("a")
        stolen.token = known.token  # without the key that it is for
        for agent in (stranger, foreign, stolen):
            client = Client()
            with pytest.raises(nats.errors.Error):
                await client.connect(
                    site.server.url,
                    error_cb=quiet,
                    allow_reconnect=False,
                    user_jwt_cb=agent.token.encode,
                    signature_cb=agent.answer,
                )
            await client.close()


def test_whole_configuration_is_one_that_nats_server_takes(tmp_path: Path) -> None:
    settings = hub_settings(tmp_path, "tls://127.0.0.1:4222")
    identity = Identity.of(settings)
    text = nats_configuration(settings, identity.trust, {}, identity.certificates).text()
    server = NatsServer(tmp_path / "nats")
    server._file_text = lambda: text.replace('"127.0.0.1:4222"', '"127.0.0.1:-1"')  # type: ignore[method-assign]
    with server:
        assert server.port > 0


@pytest.mark.parametrize(
    ("url", "listen"),
    [("nats://127.0.0.1", "127.0.0.1:4222"), ("tls://10.0.0.7:5000", "10.0.0.7:5000"), ("nats://[::1]:1", "[::1]:1")],
)
def test_server_listens_where_the_url_says(tmp_path: Path, url: str, listen: str) -> None:
    text = NatsConfiguration(url, tmp_path, "", "", {}, 1).text()
    assert f'listen: "{listen}"' in text
