"""One agent that floods the stream, and what others notice of it: nothing."""

import asyncio
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tests.hub.agents import batch, until
from tests.hub.flooding import hit
from tests.hub.site import Site, open_site
from vigie_hub.sync.stream import SUBJECT_MESSAGES_MAX

HITS = 12
FLOOD = 4000


async def stored(site: Site, agent_id: str) -> int:
    def count(connection: sqlite3.Connection) -> int:
        row = connection.execute("SELECT count(*) FROM plate_reads WHERE agent_id = ?", (agent_id,)).fetchone()
        return int(row[0])

    return await site.database.read(count)


async def has(site: Site, agent_id: str, count: int) -> bool:
    return await stored(site, agent_id) >= count


@pytest.mark.soak
async def test_a_rogue_holds_up_no_hits_of_others_and_cannot_fill_the_stream(tmp_path: Path) -> None:
    waits: list[float] = []
    async with (
        open_site(tmp_path, "gate-1", "rogue") as site,
        site.agents[0].connected(site.server.url) as agent,
        site.consuming(),
    ):
        rogue = site.agents[1]
        command = [sys.executable, "-m", "tests.hub.flooding", site.server.url, rogue.key.seed, rogue.token]
        flooding = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        assert flooding.stdout is not None
        draining: asyncio.Task[bytes] | None = None
        try:
            while int(await flooding.stdout.readline()) < FLOOD:
                pass
            draining = asyncio.create_task(flooding.stdout.read())
            for number in range(1, HITS + 1):
                began = time.monotonic()
                await agent.send(batch([hit()], number, lane="hit"))
                await until(lambda wanted=number: has(site, "gate-1", wanted))  # type: ignore[misc]
                waits.append(time.monotonic() - began)
            info = await site.connection.client.jetstream().stream_info("EVT", subjects_filter="e.rogue.*")
        finally:
            flooding.kill()
            await flooding.wait()
            if draining is not None:
                await draining
    print(f"hits were rows after {sorted(round(wait, 2) for wait in waits)} s")
    assert info.state.subjects is not None
    assert max(info.state.subjects.values(), default=0) <= SUBJECT_MESSAGES_MAX
    assert info.state.bytes < 64 * 1024**2
