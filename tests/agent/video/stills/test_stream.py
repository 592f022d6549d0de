"""The stills of one camera: the newest picture, when one is due and the link has room, for as long as somebody asks."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import time

import pytest
from PIL import Image

from tests.agent.capture.films import packets_of
from tests.agent.video.ladder.test_adaptive import Camera, Footage
from tests.media.films import make_film, noisy, street
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.delivery_rate import Sent
from vigie_agent.uplink.link_settings import LinkSettings, LinkWindow
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media import live
from vigie_agent.video.media.light import Light
from vigie_agent.video.stills import stream
from vigie_agent.video.stills.stream import BYTES_MAX, StillStream
from vigie_shared.clock import SystemClock
from vigie_shared.commands import Refused
from vigie_shared.link import Priority
from vigie_shared.stills import Still, StillWish, decode_reply

GOP_SECONDS = 2
RATE = 10


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """A busy picture that changes all the time."""
    scene, path = street(width_px=640, height_px=360), tmp_path_factory.mktemp("film") / "film.mp4"
    film = make_film(
        path,
        lambda seconds: noisy(scene, 6.0, round(seconds * 1000)),
        seconds=12,
        gop_seconds=GOP_SECONDS,
        frames_per_second=RATE,
    )
    return packets_of(film)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "STILL_SECONDS", 0.0)


@pytest.fixture
def transcoders() -> Iterator[Transcoders]:
    transcoders = Transcoders(1)
    yield transcoders
    assert transcoders.open_count == 0, "room is given back"
    transcoders.close()


class Asking:
    """A hub that asks a running stream."""

    def __init__(self, asked: StillStream, light: Light, task: asyncio.Task[None]) -> None:
        self.stream, self.light, self.task = asked, light, task

    def want(self, received: int | None = None, viewers: int = 1) -> asyncio.Future[Still | Refused]:
        answer: asyncio.Future[Still | Refused] = asyncio.get_running_loop().create_future()

        async def send(payload: bytes) -> None:
            answer.set_result(decode_reply(payload))

        self.stream.ask(StillWish(camera_id="gate", viewers=viewers, received=received), "_H.x", send)
        return answer

    async def still(self, received: int | None = None) -> Still:
        async with asyncio.timeout(30):
            answer = await self.want(received)
        assert isinstance(answer, Still), answer
        return answer

    async def refused(self) -> str:
        async with asyncio.timeout(30):
            answer = await self.want()
        assert isinstance(answer, Refused), answer
        assert answer.retryable
        return answer.reason


@asynccontextmanager
async def asking(camera: Camera, transcoders: Transcoders, budget: LinkBudget | None = None) -> AsyncIterator[Asking]:
    light = Light(SystemClock())
    asked = StillStream(camera, transcoders, budget or LinkBudget.unlimited(), light)
    task = asyncio.create_task(asked.run())
    yield Asking(asked, light, task)
    task.cancel()
    await asyncio.wait([task])
    assert light.watchers() == {}


async def test_each_picture_is_the_newest_with_the_camera_s_time(footage: Footage, transcoders: Transcoders) -> None:
    camera = Camera(footage)
    camera.take(8)
    async with asking(camera, transcoders) as hub:
        first = await hub.still()
        assert first.head.number == 1
        assert first.head.at == footage[1][7].at
        assert len(first.jpeg) <= BYTES_MAX
        assert Image.open(io.BytesIO(first.jpeg)).size == (640, 352)
        coming = hub.want(received=1, viewers=3)
        await asyncio.sleep(0)
        camera.take(15)
        second = await coming
        assert isinstance(second, Still)
        assert (second.head.number, hub.light.watchers()) == (2, {"gate": 3})
        camera.take(3)
        third = await hub.still(2)
        assert first.head.at < second.head.at < third.head.at == footage[1][25].at
        assert len({still.jpeg for still in (first, second, third)}) == 3


async def test_where_no_transcode_is_free_keyframes_do(footage: Footage) -> None:
    camera, none = Camera(footage), Transcoders(0)
    camera.take(8)
    async with asking(camera, none) as hub:
        assert (await hub.still()).head.at == footage[1][0].at
        coming = hub.want(1)
        camera.take(GOP_SECONDS * RATE)
        still = await coming
        assert isinstance(still, Still)
        assert still.head.at == footage[1][GOP_SECONDS * RATE].at
    await asyncio.to_thread(none.close)


async def test_where_keyframes_come_often_nothing_else_is_decoded(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(footage)
    camera.take(8)
    monkeypatch.setattr(stream, "KEYFRAME_SECONDS_MAX", GOP_SECONDS + 0.1)
    async with asking(camera, transcoders) as hub:
        await hub.still()
        assert not transcoders.has_room, "nobody knows yet how far keyframes are apart"
        coming = hub.want(1)
        camera.take(GOP_SECONDS * RATE)
        await coming
        camera.take(GOP_SECONDS * RATE)
        still = await hub.still(2)
        assert still.head.at == footage[1][2 * GOP_SECONDS * RATE].at
        assert transcoders.has_room


async def test_the_small_stream_is_taken_where_there_is_one(footage: Footage, transcoders: Transcoders) -> None:
    camera = Camera(footage, footage)
    camera.sub.take(3)  # type: ignore[union-attr]
    async with asking(camera, transcoders) as hub:
        assert (await hub.still()).head.at == footage[1][2].at


async def test_on_a_thin_link_pictures_are_small_and_count_until_they_have_arrived(
    footage: Footage, transcoders: Transcoders
) -> None:
    camera = Camera(footage)
    camera.take(8)
    budget = LinkBudget(LinkSettings(kind="lte"))
    async with asking(camera, transcoders, budget) as hub:
        still = await hub.still()
        assert len(still.jpeg) <= 0.4 * 64_000 / 8
        assert budget.report().in_flight_bytes > len(still.jpeg)
        hub.want(received=0)
        assert budget.report().in_flight_bytes > 0
        hub.want(received=1)
        assert budget.report().in_flight_bytes == 0
        assert budget.report().measured_kbps is not None
    assert budget.report().in_flight_bytes == 0


class HeldBudget(LinkBudget):
    """Lets nothing leave until the test says so."""

    def __init__(self, settings: LinkSettings) -> None:
        super().__init__(settings)
        self.asked, self.may_launch = asyncio.Event(), asyncio.Event()

    async def launch(self, priority: Priority, size: int) -> Sent:
        self.asked.set()
        await self.may_launch.wait()
        return await super().launch(priority, size)


async def test_a_picture_that_had_to_wait_for_the_link_is_taken_again(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STALE_SECONDS", 0.0)
    camera, budget = Camera(footage), HeldBudget(LinkSettings())
    camera.take(8)
    async with asking(camera, transcoders, budget) as hub, asyncio.timeout(60):
        coming = hub.want()
        await budget.asked.wait()
        camera.take(4)
        while not hub.stream._backlog.has_news:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        budget.may_launch.set()
        still = await coming
        assert isinstance(still, Still)
        assert still.head.number == 1
        assert still.head.at > footage[1][7].at


class BusyBudget(LinkBudget):
    """Carries what is more urgent until nobody has patience any more."""

    async def launch(self, priority: Priority, size: int) -> Sent:
        raise TimeoutError


async def test_why_there_is_no_picture_is_said(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = Camera(footage)
    with monkeypatch.context() as impatient:
        impatient.setattr(stream, "PATIENCE_SECONDS", 0.05)
        async with asking(camera, transcoders) as hub:
            assert await hub.refused() == "camera gate gives no pictures now"
    shut = LinkWindow(priorities=("live",), opens=time(3), closes=time(3))
    async with asking(camera, transcoders, LinkBudget(LinkSettings(windows=(shut,)))) as hub:
        assert await hub.refused() == "the link may not carry video now: window"
    camera.take(8)
    async with asking(camera, transcoders, BusyBudget(LinkSettings())) as hub:
        assert await hub.refused() == "the link carries what is more urgent; ask again later"


async def test_a_camera_that_is_lost_ends_the_stream(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.LiveSource.__init__, "__kwdefaults__", {"silence_seconds": 0.05})
    camera = Camera(footage)
    camera.take(8)
    async with asking(camera, transcoders) as hub:
        await hub.still()
        await asyncio.wait_for(hub.task, 30)
        assert camera.outlet._listeners == ()


async def test_whoever_asks_no_more_lets_the_camera_go(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LEASE_SECONDS", 0.05)
    camera = Camera(footage)
    camera.take(8)
    async with asking(camera, transcoders) as hub:
        await hub.still()
        await asyncio.wait_for(hub.task, 30)
        assert hub.light.watchers() == {}
        assert camera.outlet._listeners == ()


async def test_pictures_are_a_second_apart_and_only_the_last_question_is_answered(
    footage: Footage, transcoders: Transcoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STILL_SECONDS", 0.3)
    camera = Camera(footage)
    camera.take(8)
    loop = asyncio.get_running_loop()
    async with asking(camera, transcoders) as hub:
        began_seconds = loop.time()
        await hub.still()
        camera.take(1)
        forgotten = hub.want(1)
        await asyncio.sleep(0)
        await hub.still(1)
        assert loop.time() - began_seconds >= 0.2
        assert not forgotten.done()
