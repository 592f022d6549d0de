"""A dead way is noticed by the kernel, on the connection that is up now."""

import socket
from pathlib import Path

import nats
from nats.aio.client import Client

from tests.servers.nats_server import NatsServer, nats_server
from vigie_agent.uplink.silence import SILENCE_SECONDS, notice_silence

__all__ = ["nats_server"]


async def test_the_kernel_gives_up_what_nobody_acknowledges(nats_server: NatsServer) -> None:
    client = await nats.connect(nats_server.url)
    try:
        assert notice_silence(client)
        found = client._transport._io_writer.get_extra_info("socket")  # type: ignore[union-attr]
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == SILENCE_SECONDS * 1000
    finally:
        await client.close()


def test_a_client_without_a_connection_is_left_alone(tmp_path: Path) -> None:
    assert not notice_silence(Client())
