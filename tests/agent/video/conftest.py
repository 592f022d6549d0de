"""Offers in these tests are real: nats-server, aiortc on both ends."""

from tests.hub.video.conftest import connection
from tests.servers.nats_server import nats_server

__all__ = ["connection", "nats_server"]
