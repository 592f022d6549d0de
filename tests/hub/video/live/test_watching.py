"""Live video from an agent's ring through the hub to viewers: real nats-server, real WebRTC on all ends."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from nats.aio.client import Client

from tests.hub.agents import until
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, TestViewer, film_camera, live_agent
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_hub.database import Database
from vigie_hub.tickets.desk import TicketDesk
from vigie_hub.tickets.target import Target
from vigie_hub.video.live import relay, warm, watching
from vigie_hub.video.live.watching import Limits, ViewingError, Watched, Watching
from vigie_shared.clock import SystemClock
from vigie_shared.media import CameraClock, Ended, Live, MediaRefused, Showing

GATE = Target.camera(AGENT_ID, CAMERA_ID)
LIVE = Live(camera_id=CAMERA_ID)


class Hub:
    """Watching, and what it writes."""

    def __init__(self, watching: Watching, tickets: TicketDesk, database: Database) -> None:
        self.watching, self.tickets, self.database = watching, tickets, database

    async def show(
        self,
        viewer: TestViewer,
        first: Live = LIVE,
        *,
        user: str = "amal",
        may_watch: Callable[[], bool] = lambda: True,
        only: Callable[[str], str] = lambda sdp: sdp,
    ) -> Watched:
        ticket, secret = await self.tickets.issue(user, GATE, "Case 114")
        await self.tickets.redeem(secret, user, GATE)
        watched = await self.watching.watch(ticket, AGENT_ID, first, only(await viewer.offer()), may_watch)
        await viewer.accept(watched.sdp)
        return watched

    async def audited(self) -> list[str]:
        rows = await self.database.read(lambda one: one.execute("SELECT action FROM audit ORDER BY id").fetchall())
        return [row[0] for row in rows]


@asynccontextmanager
async def watching_hub(connection: Client, folder: Path, **options: Any) -> AsyncIterator[Hub]:
    async with Database(folder / "hub.db") as database:
        tickets = TicketDesk(database, SystemClock())
        service = Watching(connection, tickets, SystemClock(), **options)
        running = asyncio.create_task(service.run())
        await service.ready.wait()
        try:
            yield Hub(service, tickets, database)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@asynccontextmanager
async def shown(
    connection: Client, folder: Path, **options: Any
) -> AsyncIterator[tuple[Hub, MediaDesk, Light, Answerer]]:
    """A hub, and an agent whose camera plays."""
    async with (
        film_camera(folder) as camera,
        live_agent(connection, camera) as (answerer, desk, light),
        watching_hub(connection, folder, **options) as hub,
    ):
        yield hub, desk, light, answerer


@pytest_asyncio.fixture
async def viewers() -> AsyncIterator[Callable[[], TestViewer]]:
    made: list[TestViewer] = []

    def make() -> TestViewer:
        made.append(TestViewer())
        return made[-1]

    yield make
    for viewer in made:
        await viewer.close()


Make = Callable[[], TestViewer]


async def test_a_viewer_sees_the_camera_from_a_keyframe_on_with_its_time(
    connection: Client, tmp_path: Path, viewers: Make
) -> None:
    viewer = viewers()
    async with shown(connection, tmp_path) as (hub, _desk, light, _answerer):
        watched = await hub.show(viewer)
        await viewer.has_frames(30)
        showing = await viewer.has_heard(Showing)
        clock = await viewer.has_heard(CameraClock)
        assert light.watchers() == {CAMERA_ID: 1}
        hub.watching.end(watched.viewing_id, "amal")

        async def ended() -> bool:
            return await hub.audited() == ["viewing_started", "viewing_ended"]

        await until(ended)
    assert viewer.frames[0].is_keyframe
    stamps = [frame.timestamp for frame in viewer.frames]
    assert stamps == sorted(stamps)
    assert isinstance(showing, Showing)
    assert (showing.rung, showing.width_px, showing.height_px) == ("main", 320, 180)
    assert isinstance(clock, CameraClock)
    assert clock.rtp_timestamp <= stamps[-1]


async def test_all_viewers_share_one_pull_and_the_second_starts_at_once(
    connection: Client, tmp_path: Path, viewers: Make
) -> None:
    first, second = viewers(), viewers()
    async with shown(connection, tmp_path) as (hub, desk, light, _answerer):
        await hub.show(first)
        await first.has_frames(10)
        known = len(first.frames)
        await hub.show(second)
        await second.has_frames(5)
        assert second.frames[0].is_keyframe
        assert second.frames[0].timestamp <= first.frames[-1].timestamp
        await first.has_frames(known + 10)

        async def two_watch() -> bool:
            return light.watchers() == {CAMERA_ID: 2}

        await until(two_watch)
        assert desk.session_count == 1


async def test_a_connection_that_was_used_is_used_again_until_it_is_cold(
    connection: Client, tmp_path: Path, viewers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm, "STOP_SECONDS", 60)
    async with shown(connection, tmp_path, warm_seconds=600) as (hub, desk, light, answerer):
        first = viewers()
        watched = await hub.show(first)
        await first.has_frames(5)
        opened = set(answerer._sessions)
        hub.watching.end(watched.viewing_id, "amal")

        async def is_dark() -> bool:
            return light.watchers() == {} and hub.watching.idle_count == 1

        await until(is_dark)
        second = viewers()
        watched = await hub.show(second)
        await second.has_frames(5)
        assert set(answerer._sessions) == opened
        assert second.frames[0].is_keyframe
        assert hub.watching._peers is not None
        hub.watching._peers._warm_seconds = 0.05
        hub.watching.end(watched.viewing_id, "amal")

        async def is_cold() -> bool:
            return desk.session_count == 0

        await until(is_cold)


async def test_a_pull_that_is_foreseen_begins_before_the_viewer_comes(
    connection: Client, tmp_path: Path, viewers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FORESEEN_SECONDS", 600)
    async with shown(connection, tmp_path) as (hub, desk, light, _answerer):
        ticket, _secret = await hub.tickets.issue("amal", GATE, "Case 114")
        hub.watching.foresee(ticket, AGENT_ID, LIVE)

        async def is_pulled() -> bool:
            return light.watchers() == {CAMERA_ID: 1}

        await until(is_pulled)
        viewer = viewers()
        watched = await hub.show(viewer)
        await viewer.has_frames(5)
        assert viewer.frames[0].is_keyframe
        assert desk.session_count == 1
        hub.watching.end(watched.viewing_id, "amal")

        async def is_dark() -> bool:
            return light.watchers() == {}

        await until(is_dark)


async def test_a_pull_for_somebody_who_never_comes_ends(
    connection: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "FORESEEN_SECONDS", 0.05)
    async with shown(connection, tmp_path) as (hub, _desk, light, _answerer):
        ticket, _secret = await hub.tickets.issue("amal", GATE, "Case 114")
        hub.watching.foresee(ticket, AGENT_ID, LIVE)

        async def is_over() -> bool:
            return not hub.watching._relays and light.watchers() == {}

        await until(is_over)


async def test_viewers_keep_their_connection_while_the_way_to_the_agent_is_made_anew(
    connection: Client, tmp_path: Path, viewers: Make
) -> None:
    viewer = viewers()
    async with shown(connection, tmp_path) as (hub, desk, _light, answerer):
        await hub.show(viewer)
        await viewer.has_frames(10)
        (session,) = answerer._sessions.values()
        session.cancel()
        said = await viewer.has_heard(Ended)
        assert isinstance(said, Ended)
        assert said.reason == "link"
        known = len(viewer.frames)
        await viewer.has_frames(known + 20)
        stamps = [frame.timestamp for frame in viewer.frames]
        assert stamps == sorted(stamps)
        clocks = [message for message in viewer.messages if isinstance(message, CameraClock)]
        assert all(stamps[0] <= clock.rtp_timestamp <= stamps[-1] for clock in clocks)
        assert desk.session_count == 1


async def test_what_the_agent_refuses_is_said_and_ends_the_view(
    connection: Client, tmp_path: Path, viewers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "LAST_WORD_SECONDS", 0.1)
    viewer = viewers()
    async with watching_hub(connection, tmp_path) as hub, film_camera(tmp_path) as camera:
        await hub.show(viewer, Live(camera_id="attic"))
        await viewer.has_heard(MediaRefused)  # nobody is there yet to refuse: by now it can hear
        async with live_agent(connection, camera):
            while "no camera attic" not in (said := await viewer.has_heard(MediaRefused)).model_dump_json():
                viewer.messages.remove(said)

            async def is_over() -> bool:
                return hub.watching.viewer_count == 0

            await until(is_over)


async def test_an_agent_that_is_away_is_asked_again_until_it_is_there(
    connection: Client, tmp_path: Path, viewers: Make
) -> None:
    viewer = viewers()
    async with watching_hub(connection, tmp_path) as hub, film_camera(tmp_path) as camera:
        await hub.show(viewer)
        said = await viewer.has_heard(MediaRefused)
        assert isinstance(said, MediaRefused)
        assert "is not connected" in said.reason
        async with live_agent(connection, camera):
            await viewer.has_frames(5)


async def test_a_viewer_that_cannot_decode_gets_the_same_pictures_again(
    connection: Client, tmp_path: Path, viewers: Make
) -> None:
    viewer = viewers()
    async with shown(connection, tmp_path) as (hub, _desk, _light, _answerer):
        await hub.show(viewer)
        await viewer.has_frames(5)
        known = len(viewer.frames)
        viewer.receiver.request_keyframe()
        await viewer.has_frames(known + 8)
        again = viewer.frames[known:]
        assert any(frame.is_keyframe for frame in again)
        stamps = [frame.timestamp for frame in viewer.frames]
        assert stamps == sorted(stamps)


@pytest.mark.parametrize(
    ("limits", "hindrance"),
    [(Limits(1, 5), "hub-full"), (Limits(5, 1), "user-full")],
    ids=["of the hub", "of the user"],
)
async def test_a_view_too_many_is_refused(
    connection: Client, tmp_path: Path, viewers: Make, limits: Limits, hindrance: str
) -> None:
    async with watching_hub(connection, tmp_path, limits=limits) as hub:
        await hub.show(viewers())
        with pytest.raises(ViewingError) as refused:
            await hub.show(viewers())
    assert refused.value.hindrance == hindrance


async def test_nobody_ends_another_users_view(connection: Client, tmp_path: Path, viewers: Make) -> None:
    async with watching_hub(connection, tmp_path) as hub:
        watched = await hub.show(viewers())
        with pytest.raises(ViewingError):
            hub.watching.end(watched.viewing_id, "badr")
        hub.watching.end(watched.viewing_id, "amal")


async def test_whoever_is_signed_out_sees_no_more(
    connection: Client, tmp_path: Path, viewers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "STILL_ALLOWED_SECONDS", 0.05)
    viewer, allowed = viewers(), True
    async with shown(connection, tmp_path) as (hub, _desk, light, _answerer):
        await hub.show(viewer, may_watch=lambda: allowed)
        await viewer.has_frames(5)
        allowed = False

        async def is_dark() -> bool:
            return light.watchers() == {}

        await until(is_dark)


async def test_an_offer_without_h264_is_refused(connection: Client, tmp_path: Path, viewers: Make) -> None:
    async with watching_hub(connection, tmp_path) as hub:
        with pytest.raises(ViewingError) as refused:
            await hub.show(viewers(), only=lambda sdp: sdp.replace("H264", "VP8"))
    assert refused.value.hindrance == "no-h264"
