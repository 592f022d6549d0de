"""nats-py over TLS to a real nats-server that goes away: what asyncio says of it, and what is left out."""

import asyncio
import logging
import ssl
from collections.abc import Iterator
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from tests.servers.nats_server import NatsServer
from tests.servers.tls_server import running_tls_server
from vigie_shared import asyncio_noise


@pytest.fixture
def noise() -> Iterator[list[str]]:
    """What the logger of asyncio lets through."""
    heard: list[str] = []
    logger, handler = logging.getLogger("asyncio"), logging.Handler()
    handler.emit = lambda record: heard.append(record.getMessage())  # type: ignore[method-assign]
    before = list(logger.filters), logger.level, logger.disabled
    logger.filters[:], logger.disabled = [], False  # whoever ran a command line before has made it quiet
    logger.setLevel(logging.WARNING)
    logger.addHandler(handler)
    yield heard
    logger.removeHandler(handler)
    logger.filters[:], logger.level, logger.disabled = before


@pytest.fixture
def tls_server(tmp_path: Path) -> Iterator[tuple[NatsServer, ssl.SSLContext]]:
    """It runs, and speaks TLS."""
    with running_tls_server(tmp_path) as (server, certificates):
        yield server, certificates.client_context()


async def ended_by_the_server(server: NatsServer, context: ssl.SSLContext) -> None:
    ended = asyncio.Event()

    async def quiet(_error: Exception) -> None: ...

    async def closed() -> None:
        ended.set()

    client: Client = await nats.connect(
        f"tls://127.0.0.1:{server.port}",
        tls=context,
        tls_handshake_first=True,
        allow_reconnect=False,
        error_cb=quiet,
        closed_cb=closed,
    )
    await asyncio.to_thread(server.restart)
    await asyncio.wait_for(ended.wait(), 20)
    await client.close()


async def test_the_end_of_a_tls_connection_makes_no_noise(
    tls_server: tuple[NatsServer, ssl.SSLContext], noise: list[str]
) -> None:
    await ended_by_the_server(*tls_server)
    if not noise:
        pytest.skip("asyncio said nothing: has nats-py learnt it? Then this module can go")
    noise.clear()
    asyncio_noise.quiet()
    await ended_by_the_server(*tls_server)
    assert noise == []
    logging.getLogger("asyncio").warning("something else")
    assert noise == ["something else"]
