"""An agent's connection in a network of its own: `python -m tests.agent.uplink.roaming_end URL…`.

Prints this end's and nats-server's address whenever it is connected; a line on stdin is a broken session.
"""

import asyncio
import sys
from pathlib import Path

from nats.aio.client import Client

from tests.agent.uplink.hub import membership
from tests.hub.agents import new_key
from vigie_agent.credentials import Credentials
from vigie_agent.keys import AgentKey
from vigie_agent.uplink.connection import Connection
from vigie_agent.uplink.roaming import Roaming
from vigie_agent.uplink.wire import Wire


async def main(url: str, *more: str) -> None:
    connection = Connection(
        Credentials(Path(), AgentKey(new_key().seed), membership(url, more=more)), reconnect_seconds_max=600
    )
    connection._returning._first_seconds = 600.0
    connection._returning._chance = lambda: 1.0  # what is not hurried comes too late
    roaming = Roaming(connection)
    async with connection.open() as client:
        connection.on_back = lambda: tell(client)
        tell(client)
        async with asyncio.TaskGroup() as group:
            group.create_task(roaming.run(client))
            await asyncio.to_thread(heed_lines, asyncio.get_running_loop(), roaming)


def heed_lines(loop: asyncio.AbstractEventLoop, roaming: Roaming) -> None:
    for _line in sys.stdin:
        loop.call_soon_threadsafe(roaming.doubt)


def tell(client: Client) -> None:
    wire = Wire.of(client)
    assert wire is not None
    print("connected", wire.local, wire.peer, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
