"""The hub's end of a pull over an emulated link, by the road that it chooses itself: `python -m
tests.benchmarks._road_ends NATS_URL FOLDER ADDRESS CLIP_BYTES`. The agent's end is `tests.hub.video.tcp`.

Prints where its door is, and after a line on stdin how long the pull took, and by which roads.
"""

import asyncio
import hashlib
import json
import sys
import time
from pathlib import Path

import nats

from tests.hub.video.agents import AGENT_ID, CLIP_ID, film
from tests.hub.video.tcp import open_gate
from vigie_hub.archive.files import Archive


async def main(url: str, folder: Path, address: str, clip_bytes: int) -> None:
    """One pull, from the wish to the rename in the archive."""
    sha256 = hashlib.sha256(film(clip_bytes)).hexdigest()
    connection = await nats.connect(url)
    async with open_gate(folder, address) as gate:
        say({"url": gate.url})
        await asyncio.to_thread(sys.stdin.readline)
        began = time.perf_counter()
        clip = await gate.puller(connection, Archive(folder / "archive")).pull(AGENT_ID, CLIP_ID, clip_bytes, sha256)
        say({"seconds": time.perf_counter() - began, "roads": clip.roads})
    await connection.close()


def say(words: dict[str, object]) -> None:
    """One line for who started us."""
    print(json.dumps(words), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
