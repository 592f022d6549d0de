"""A hub that is killed while somebody looks: the light goes out, the record says so, and the view comes back."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.hub.video.live.reach_stage import staged_here
from tests.servers.nats_server import NatsServer

SEEN = "SELECT count(*) FROM viewings WHERE ended_at IS NULL AND seconds >= 1"
AUDIT = "SELECT user, action, target FROM audit ORDER BY id"


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(f"file:{folder / 'hub.db'}?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.mark.timeout(600)
async def test_a_hub_killed_mid_view_leaves_no_light_on_and_its_record_says_how_long(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    async with staged_here(tmp_path, nats_server.url) as stage:
        hub, agent, viewer = await stage.begin_all()
        await viewer.says("frames", over=20)
        await agent.falls_to("watchers", 1)
        async with asyncio.timeout(120):
            while await asyncio.to_thread(rows, tmp_path, SEEN) == [(0,)]:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
        await hub.kill()
        await agent.falls_to("watchers", 0)

        again = stage.begin_hub()
        await again.says("ready")
        await viewer.says("frames", over=viewer.frames + 20)
        await agent.falls_to("watchers", 1)
        audited = await asyncio.to_thread(rows, tmp_path, AUDIT)
    interrupted = [str(target) for _user, action, target in audited if action == "viewing_interrupted"]
    assert all(target.startswith("gate/in ") for target in interrupted)
    assert any(not target.endswith(" 0s") for target in interrupted)
    assert audited[-1][1] == "viewing_started"
