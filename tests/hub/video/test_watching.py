"""Live video from an agent's ring through the hub to viewers: real nats-server, real WebRTC on all ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from nats.aio.client import Client

from tests.hub.agents import until
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, TestViewer, film_camera, live_agent
from vigie_hub.database import Database
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.tickets.target import Target
from vigie_hub.video.watching import Watched, Watching
from vigie_shared.clock import SystemClock
from vigie_shared.media import CameraClock, Live, Showing

GATE = Target.camera(AGENT_ID, CAMERA_ID)
LIVE = Live(camera_id=CAMERA_ID)


class Hub:
    """Watching, and what it writes."""

    def __init__(self, watching: Watching, tickets: TicketDesk, database: Database) -> None:
        self.watching, self.tickets, self.database = watching, tickets, database

    async def show(self, viewer: TestViewer, first: Live = LIVE, user: str = "amal") -> Watched:
        ticket, secret = await self.tickets.issue(user, GATE, "Case 114")
        await self.tickets.redeem(secret, user, GATE)
        watched = await self.watching.watch(ticket, AGENT_ID, first, await viewer.offer(), lambda: True)
        await viewer.accept(watched.sdp)
        return watched

    async def audited(self) -> list[str]:
        rows = await self.database.read(lambda one: one.execute("SELECT action FROM audit ORDER BY id").fetchall())
        return [row[0] for row in rows]


@asynccontextmanager
async def watching_hub(connection: Client, folder: Path, **options: Any) -> AsyncIterator[Hub]:
    async with Database(folder / "hub.db") as database:
        tickets = TicketDesk(database, SystemClock())
        watching = Watching(connection, tickets, SystemClock(), **options)
        running = asyncio.create_task(watching.run())
        await asyncio.sleep(0.05)
        try:
            yield Hub(watching, tickets, database)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_a_viewer_sees_the_camera_from_a_keyframe_on_with_its_time(connection: Client, tmp_path: Path) -> None:
    viewer = TestViewer()
    async with film_camera(tmp_path) as camera, live_agent(connection, camera) as (_answerer, _desk, light):
        async with watching_hub(connection, tmp_path) as hub:
            watched = await hub.show(viewer)
            await viewer.has_frames(30)
            showing = await viewer.has_heard(Showing)
            clock = await viewer.has_heard(CameraClock)
            assert light.watchers() == {CAMERA_ID: 1}
            hub.watching.end(watched.viewing_id, "amal")

            async def ended() -> bool:
                return "viewing_ended" in await hub.audited()

            await until(ended)
            assert await hub.audited() == ["viewing_started", "viewing_ended"]
        await viewer.close()
    assert viewer.frames[0].is_keyframe
    stamps = [frame.timestamp for frame in viewer.frames]
    assert stamps == sorted(stamps)
    assert isinstance(showing, Showing)
    assert (showing.rung, showing.width_px, showing.height_px) == ("main", 320, 180)
    assert isinstance(clock, CameraClock)
    assert clock.rtp_timestamp <= stamps[-1]
