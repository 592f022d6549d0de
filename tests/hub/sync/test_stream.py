from pathlib import Path

import nats.js.errors
import pytest
from nats.js import api

from tests.hub.agents import batch, plate_read
from tests.hub.site import open_site
from vigie_hub.settings import NatsSettings
from vigie_hub.sync.stream import bind
from vigie_shared.batches import encode


async def test_stream_keeps_files_refuses_when_full_and_hardly_looks_for_duplicates(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site:
        await bind(site.connection.client, NatsSettings(stream_bytes_max=2 * 1024**2, stream_hours=48))
        config = (await site.connection.client.jetstream().stream_info("EVT")).config
        assert config.storage == api.StorageType.FILE
        assert config.retention == api.RetentionPolicy.LIMITS
        assert config.discard == api.DiscardPolicy.NEW
        assert (config.max_bytes, config.max_age) == (2 * 1024**2, 48 * 3600)
        assert config.duplicate_window is not None
        assert config.duplicate_window <= 0.1


async def test_changed_limits_are_put_in_force_without_losing_what_is_there(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await bind(site.connection.client, NatsSettings(stream_bytes_max=2 * 1024**2))
        await agent.send(batch([plate_read()]))
        await bind(site.connection.client, NatsSettings(stream_bytes_max=4 * 1024**2))
        info = await site.connection.client.jetstream().stream_info("EVT")
        assert (info.config.max_bytes, info.state.messages) == (4 * 1024**2, 1)


async def test_full_stream_refuses_so_that_the_agent_keeps_its_events(tmp_path: Path) -> None:
    async with open_site(tmp_path, "gate-1") as site, site.agents[0].connected(site.server.url) as agent:
        await bind(site.connection.client, NatsSettings(stream_bytes_max=1024**2))
        jetstream = agent.client.jetstream()

        async def fill() -> None:
            for _number in range(100):
                await jetstream.publish("e.gate-1.lpr", encode(batch([plate_read()])) * 500)

        with pytest.raises(nats.js.errors.APIError, match="maximum bytes"):
            await fill()
