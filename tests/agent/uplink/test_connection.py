"""Which server an agent tries next, and when."""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from nats.aio.client import Server

from tests.agent.uplink.hub import membership
from tests.hub.agents import new_key
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey
from vigie_agent.uplink.connection import MOVE_SECONDS, Connection


def server(number: int, failures: int = 0) -> Server:
    return Server(uri=urlparse(f"nats://n{number}:4222"), reconnects=failures)


def lost(number: int) -> Connection:
    """A connection to server `number` broke."""
    key, member = AgentKey(new_key().seed), membership("nats://n1:4222")
    connection = Connection(Credentials(Path(), key, member), reconnect_seconds_max=30)
    connection._at = f"n{number}:4222"
    return connection


def tried(connection: Connection, *servers: Server) -> tuple[str, float]:
    info: dict[str, Any] = {}
    chosen, seconds = connection._next_server(list(servers), info)
    return str(chosen.uri.hostname), seconds


def test_every_other_server_is_tried_at_once_before_the_one_that_is_gone() -> None:
    connection = lost(1)
    first, first_seconds = tried(connection, server(1), server(2), server(3))
    second, second_seconds = tried(connection, server(1), server(2, 1), server(3))
    assert {first, second} == {"n2", "n3"}
    assert max(first_seconds, second_seconds) <= MOVE_SECONDS
    assert tried(connection, server(1), server(2, 1), server(3, 1))[0] == "n1"


def test_then_the_one_that_failed_least_is_tried() -> None:
    connection = lost(1)
    for failures in range(3):
        tried(connection, server(1, failures), server(2, 7), server(3, 5))
    assert tried(connection, server(1, 6), server(2, 7), server(3, 5))[0] == "n3"


def test_server_that_failed_long_ago_is_tried_before_the_one_that_is_gone() -> None:
    assert tried(lost(1), server(1), server(2, 9))[0] == "n2"


def test_after_success_all_others_count_again() -> None:
    connection = lost(1)
    tried(connection, server(1), server(2))
    connection._up("connected")
    connection._at = "n2:4222"
    assert tried(connection, server(1, 3), server(2))[0] == "n1"


def test_a_single_server_is_come_back_to_with_patience() -> None:
    connection = lost(1)
    connection._returning._chance = lambda: 1.0
    assert tried(connection, server(1)) == ("n1", 5.0)
    assert tried(connection, server(1, 1)) == ("n1", 10.0)
