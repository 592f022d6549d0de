"""Pulls in these tests are real: nats-server, aiortc on both ends, files on disk."""

from collections.abc import AsyncIterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client
from nats.errors import NoRespondersError

from tests.servers.nats_server import NatsServer, nats_server
from vigie_hub.archive.files import Archive

__all__ = ["nats_server"]


@pytest.fixture
async def connection(nats_server: NatsServer) -> AsyncIterator[Client]:
    """One connection, for the hub and for agents in this process."""
    client = await nats.connect(nats_server.url)
    with pytest.raises(NoRespondersError):  # the first request starts a task that stays with the connection
        await client.request("nobody")
    yield client
    await client.close()


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")
