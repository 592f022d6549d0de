"""An agent gone wrong, as a process: sends what it can, as fast as a client can, and comes back whenever it is cut."""

import asyncio
import sys
from collections.abc import Iterator
from itertools import cycle
from typing import Final

import nats.errors

from tests.hits import plate_hit
from tests.hub.agents import Agent, batch, plate_read
from vigie_hub.keys import KeyPair
from vigie_shared.batches import encode
from vigie_shared.events import LANES, PlateHit
from vigie_shared.receipts import WatermarkQuestion

ROUND: Final = 100
"""Messages between two flushes."""
Message = tuple[str, bytes, str]


def hit() -> PlateHit:
    """A hit of an entry that no hub knows."""
    return plate_hit(plate_read())


def messages(kind: str, agent_id: str = "rogue") -> Iterator[Message]:
    """What it says, for ever: subject, payload, where answers are to go."""
    lone = encode(batch([hit()], agent_id=agent_id, lane="hit"))
    reads = encode(batch([plate_read(str(number)) for number in range(200)], agent_id=agent_id))
    question = WatermarkQuestion(epoch="0" * 21 + "9", oldest={"lpr": 1}).model_dump_json().encode()
    inbox = f"_I.{agent_id}.x"
    said: dict[str, list[Message]] = {
        "hits": [(f"e.{agent_id}.hit", lone, "")],
        "lanes": [(f"e.{agent_id}.{lane}", body, "") for lane in LANES for body in (lone, reads, b"\2 not a batch")],
        "large": [(f"e.{agent_id}.{lane}", reads[:40] + bytes(200_000), "") for lane in LANES],
        "questions": [
            (f"w.{agent_id}", question, inbox),
            (f"p.{agent_id}", b"\xff" * 2000, ""),
            (f"r.{agent_id}.jwt", b"{}", inbox),
            (f"w.{agent_id}", bytes(200_000), inbox),
        ],
    }
    return cycle(said[kind] if kind in said else [one for each in said.values() for one in each])


async def flood(kind: str, url: str, seed: str, token: str) -> None:
    """Flood until killed; prints how much was sent so far."""
    rogue = Agent("rogue", KeyPair(seed))
    rogue.token = token
    endless, sent = messages(kind), 0
    while True:
        try:
            async with rogue.connected(url, reconnects=0):
                while rogue.client.is_connected:
                    for _each in range(ROUND):
                        subject, body, reply = next(endless)
                        await rogue.client.publish(subject, body, reply=reply)
                        sent += 1
                    await rogue.client.flush()
                    print(sent, flush=True)
        except (nats.errors.Error, OSError, TimeoutError):
            print(sent, flush=True)
            await asyncio.sleep(0.05)  # it does its worst, and is refused in no time


if __name__ == "__main__":
    asyncio.run(flood(*sys.argv[1:]))
