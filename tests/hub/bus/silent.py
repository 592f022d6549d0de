"""An agent as a process of its own, that beats steadily and can be stopped dead by a signal."""

import asyncio
import sys

from tests.hub.agents import Agent
from vigie_hub.keys import KeyPair
from vigie_shared import subjects


async def beat(agent_id: str, url: str, seed: str, token: str, seconds: str) -> None:
    """A beat each so many seconds; prints how often the server asked in between."""
    agent = Agent(agent_id, KeyPair(seed))
    agent.token = token
    async with agent.connected(url) as connected:
        asked = 0
        answer = connected.client._process_ping

        async def count() -> None:
            nonlocal asked
            asked += 1
            await answer()

        connected.client._process_ping = count  # type: ignore[method-assign]
        while True:
            await connected.client.publish(subjects.heartbeat(agent_id), b"beat")
            print(asked, flush=True)
            await asyncio.sleep(float(seconds))


if __name__ == "__main__":
    asyncio.run(beat(*sys.argv[1:]))
