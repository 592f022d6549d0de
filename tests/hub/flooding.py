"""An agent gone wrong, as a process: floods its own lanes as fast as a client can, until it is killed."""

import asyncio
import sys

from tests.hub.agents import NOON, Agent, batch, plate_read
from vigie_hub.keys import KeyPair
from vigie_shared.batches import encode
from vigie_shared.events import PlateHit
from vigie_shared.ids import unique_id


def hit() -> PlateHit:
    """A hit of an entry that no hub knows."""
    return PlateHit(
        at=NOON,
        camera_id="gate",
        hit_id=unique_id(NOON),
        read=plate_read(),
        entry_id=unique_id(NOON),
        list_id="main",
        list_version=1,
        rule="exact",
        list_age_seconds=1,
        check_only=False,
        retro=False,
        picture=b"",
    )


async def flood(url: str, seed: str, token: str) -> None:
    """Small messages in the lane of hits, large ones in another."""
    rogue = Agent("rogue", KeyPair(seed))
    rogue.token = token
    lone = encode(batch([hit()], agent_id="rogue", lane="hit"))
    large = encode(batch([plate_read(str(number)) for number in range(200)], agent_id="rogue"))
    async with rogue.connected(url):
        sent = 0
        while True:
            for _each in range(100):
                await rogue.client.publish("e.rogue.hit", lone)
                await rogue.client.publish("e.rogue.lpr", large)
                sent += 2
            await rogue.client.flush()
            print(sent, flush=True)


if __name__ == "__main__":
    asyncio.run(flood(*sys.argv[1:]))
