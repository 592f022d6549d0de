"""Stills from an agent's ring through the hub to viewers: real nats-server, a real agent, no media connection."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from PIL import Image
from structlog.testing import capture_logs

from tests.hub.agents import until
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, film_camera, stills_agent
from vigie_agent.video.media.light import Light
from vigie_agent.video.stills.desk import StillsDesk
from vigie_hub.database import Database
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.tickets.target import Target
from vigie_hub.video.live.watching import Limits, ViewingError
from vigie_hub.video.stills import looking
from vigie_hub.video.stills.asking import CheckedStill
from vigie_hub.video.stills.looking import Looking
from vigie_hub.video.stills.relay import News
from vigie_shared import subjects
from vigie_shared.clock import SystemClock
from vigie_shared.media import MediaRefused

GATE = Target.camera(AGENT_ID, CAMERA_ID)


class Hub:
    """Looking, and what it writes."""

    def __init__(self, looking: Looking, tickets: TicketDesk, database: Database) -> None:
        self.looking, self.tickets, self.database = looking, tickets, database

    async def look(self, user: str = "amal", may_look: Callable[[], bool] = lambda: True) -> str:
        _ticket, secret = await self.tickets.issue(user, GATE, "Case 114")
        ticket = await self.tickets.redeem(secret, user, GATE)
        return self.looking.look(ticket, AGENT_ID, CAMERA_ID, may_look)

    async def news(self, viewing_id: str, after: int = 0, user: str = "amal") -> News:
        """The next, however long it takes."""
        async with asyncio.timeout(60):
            while (news := await self.looking.news(viewing_id, user, after)) is None:
                pass
        return news

    async def picture(self, viewing_id: str, after: int = 0) -> tuple[int, CheckedStill]:
        while True:
            news = await self.news(viewing_id, after)
            if isinstance(news.told, CheckedStill):
                return news.number, news.told
            after = news.number

    async def pictures_on(self, viewing_id: str, after: int) -> None:
        """One after the other, for as long as there are any."""
        while True:
            after, _still = await self.picture(viewing_id, after)

    async def audited(self) -> list[str]:
        rows = await self.database.read(lambda one: one.execute("SELECT action FROM audit ORDER BY id").fetchall())
        return [row[0] for row in rows]

    async def has_audited(self, *actions: str) -> None:
        async def is_there() -> bool:
            return await self.audited() == list(actions)

        await until(is_there)


@asynccontextmanager
async def looking_hub(connection: Client, folder: Path, **options: Any) -> AsyncIterator[Hub]:
    async with Database(folder / "hub.db") as database:
        tickets = TicketDesk(database, SystemClock())
        service = Looking(connection, tickets, SystemClock(), **options)
        running = asyncio.create_task(service.run())
        await service.ready.wait()
        try:
            yield Hub(service, tickets, database)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def shown(connection: Client, folder: Path, **options: Any) -> AsyncIterator[tuple[Hub, StillsDesk, Light]]:
    """A hub, and an agent whose camera plays."""
    async with (
        film_camera(folder) as camera,
        stills_agent(connection, camera) as (desk, light),
        looking_hub(connection, folder, **options) as hub,
    ):
        yield hub, desk, light


async def is_dark(light: Light) -> None:
    async def dark() -> bool:
        return light.watchers() == {}

    await until(dark)


async def shines(light: Light) -> bool:
    return light.watchers() == {CAMERA_ID: 1}


async def test_a_viewer_gets_newer_and_newer_pictures_with_the_camera_s_time(
    connection: Client, tmp_path: Path
) -> None:
    async with shown(connection, tmp_path) as (hub, desk, light):
        viewing_id = await hub.look()
        first, one = await hub.picture(viewing_id)
        second, other = await hub.picture(viewing_id, first)
        assert second > first
        assert other.still.head.at > one.still.head.at
        await until(lambda: shines(light))
        picture = Image.open(io.BytesIO(one.still.jpeg))
        assert (picture.format, picture.size, (one.width_px, one.height_px)) == ("JPEG", (320, 180), (320, 180))
        hub.looking.end(viewing_id, "amal")
        await hub.has_audited("viewing_started", "viewing_ended")
        await is_dark(light)
        assert desk.stream_count == 0
        seconds = await hub.database.read(lambda read: read.execute("SELECT seconds FROM viewings").fetchone()[0])
        assert seconds > 0


async def test_all_viewers_share_what_one_agent_sends(connection: Client, tmp_path: Path) -> None:
    async with shown(connection, tmp_path) as (hub, desk, light):
        ids = [await hub.look(user) for user in ("amal", "amal")]
        number, _still = await hub.picture(ids[0])

        async def two_look() -> bool:
            return light.watchers() == {CAMERA_ID: 2}

        await until(two_look)
        one, other = await asyncio.gather(*(hub.picture(viewing_id, number) for viewing_id in ids))
        assert one == other
        assert desk.stream_count == 1
        hub.looking.end(ids[0], "amal")
        assert (await hub.picture(ids[1], one[0]))[0] > one[0]


async def test_who_comes_as_the_last_one_leaves_gets_pictures(connection: Client, tmp_path: Path) -> None:
    async with shown(connection, tmp_path) as (hub, _desk, light):
        for _each in range(3):
            viewing_id = await hub.look()
            await hub.picture(viewing_id)
            hub.looking.end(viewing_id, "amal")
        await is_dark(light)


async def test_whoever_may_look_no_more_gets_nothing_more(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "STILL_ALLOWED_SECONDS", 0.01)
    may = [True]
    async with shown(connection, tmp_path) as (hub, _desk, light):
        viewing_id = await hub.look(may_look=lambda: may[0])
        number, _still = await hub.picture(viewing_id)
        may[0] = False
        with pytest.raises(ViewingError, match="no-such-viewing"):
            await hub.pictures_on(viewing_id, number)
        await hub.has_audited("viewing_started", "viewing_ended")
        await is_dark(light)


async def test_a_viewer_who_asks_no_more_has_gone(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "STILL_ALLOWED_SECONDS", 0.01)
    monkeypatch.setattr(looking, "LEASE_SECONDS", 0.05)
    async with shown(connection, tmp_path) as (hub, _desk, light):
        viewing_id = await hub.look()
        await hub.has_audited("viewing_started", "viewing_ended")
        await is_dark(light)
        with pytest.raises(ViewingError, match="no-such-viewing"):
            await hub.looking.news(viewing_id, "amal", 0)


async def test_a_viewing_is_its_own_user_s(connection: Client, tmp_path: Path) -> None:
    async with shown(connection, tmp_path) as (hub, _desk, _light):
        viewing_id = await hub.look()
        with pytest.raises(ViewingError, match="no-such-viewing"):
            await hub.looking.news(viewing_id, "badr", 0)
        with pytest.raises(ViewingError, match="no-such-viewing"):
            hub.looking.end(viewing_id, "badr")


async def test_no_more_look_than_may(connection: Client, tmp_path: Path) -> None:
    limits = Limits(viewers_max=2, viewers_per_user_max=1)
    async with shown(connection, tmp_path, limits=limits) as (hub, _desk, _light):
        await hub.look()
        with pytest.raises(ViewingError, match="user-full"):
            await hub.look()
        await hub.look("badr")
        with pytest.raises(ViewingError, match="hub-full"):
            await hub.look("chafik")


@pytest.mark.parametrize(
    "answer",
    [b"", b"\n", b"\xff\xd8\xff\xd9", b'{"reply":"still","number":1,"at":"2026-01-01T00:00:00Z"}\n\xff\xd8<svg>'],
)
async def test_what_a_hostile_agent_sends_is_told_once_and_shown_to_nobody(
    connection: Client, tmp_path: Path, answer: bytes
) -> None:
    async def lie(message: Msg) -> None:
        await message.respond(answer)

    await connection.subscribe(subjects.still(AGENT_ID), cb=lie)
    with capture_logs() as logs:
        async with looking_hub(connection, tmp_path) as hub:
            viewing_id = await hub.look()
            news = await hub.news(viewing_id)
            assert isinstance(news.told, MediaRefused)
            assert "answered what the hub does not know" in news.told.reason
            await hub.news(viewing_id, news.number)
    assert [line["event"] for line in logs].count("still_refused") == 1


async def test_an_agent_that_is_away_is_said_to_be_and_asked_again(connection: Client, tmp_path: Path) -> None:
    async with looking_hub(connection, tmp_path) as hub:
        viewing_id = await hub.look()
        news = await hub.news(viewing_id)
        assert isinstance(news.told, MediaRefused)
        assert news.told.reason.startswith(f"agent {AGENT_ID} is not connected")
        async with film_camera(tmp_path) as camera, stills_agent(connection, camera):
            await hub.picture(viewing_id, news.number)
