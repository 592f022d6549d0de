"""What a camera shows fits the link: each rung begins with a keyframe, and times go on over all of them."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import pairwise

import av
import pytest

from tests.agent.capture.cameras import STREAM
from tests.agent.capture.films import packets_of
from tests.media.films import make_film, walk
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.ring import GopRing
from vigie_agent.video.ladder.adaptive import AdaptiveSource
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.live import LiveSource
from vigie_agent.video.media.source import LinkFeedback, MediaFrame
from vigie_shared.errors import CaptureError
from vigie_shared.media import Live, Quality

HEVC = replace(STREAM, codec="hevc", width_px=640)
SMALL = replace(STREAM, width_px=160)
LARGE = replace(STREAM, width_px=1920, height_px=1080)
Footage = tuple[StreamInfo, list[Packet]]


class StreamPlayer:
    """One stream of a camera, packet by packet as the test wants."""

    def __init__(self, footage: Footage) -> None:
        self.stream, self._packets = footage
        self._ring = GopRing(4, 10_000_000)
        self.outlet = Outlet(self._ring.newest_gop, threading.RLock())
        self.outlet.begin(self.stream)
        self._next = 0

    @property
    def has_more(self) -> bool:
        return self._next < len(self._packets)

    def take(self, count: int) -> None:
        for _number in range(count):
            packet = self._packets[self._next]
            self._next += 1
            self._ring.append(packet)
            self.outlet.feed(packet)


class Camera:
    """A camera with or without a sub-stream."""

    camera_id = "gate"

    def __init__(self, main: Footage, sub: Footage | None = None) -> None:
        self.main = StreamPlayer(main)
        self.sub = StreamPlayer(sub) if sub is not None else None
        self.outlet = self.main.outlet
        self.sub_outlet = self.sub.outlet if self.sub is not None else None

    def take_if_wanted(self, source: AdaptiveSource) -> None:
        """The next picture of the main stream, once the last one was taken: however slow who takes them is."""
        shown = source._inner
        live = getattr(shown, "_source", shown)
        if self.main.has_more and isinstance(live, LiveSource) and not live._waiting:
            self.main.take(1)

    def take(self, count: int) -> None:
        self.main.take(count)
        if self.sub is not None:
            self.sub.take(count)


@pytest.fixture(scope="module")
def h264(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return packets_of(make_film(path, walk(0, 12), seconds=12, kbps=800))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return packets_of(make_film(path, walk(0, 12), seconds=12, kbps=100))


@pytest.fixture(scope="module")
def hevc(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    return packets_of(make_film(path, walk(0, 3), seconds=3, codec="libx265"))


@pytest.fixture
def transcoders() -> Iterator[Transcoders]:
    transcoders = Transcoders(1)
    yield transcoders
    assert transcoders.open_count == 0, "each transcode is given back"
    transcoders.close()


async def some(frames: AsyncIterator[MediaFrame], count: int) -> list[MediaFrame]:
    async with asyncio.timeout(60):
        return [await anext(frames) for _number in range(count)]


def starved(at: float, bits: float = 3e5) -> LinkFeedback:
    return LinkFeedback(at, bits, 0.0, 0.1, 0.5)


def decoded(frames: list[MediaFrame]) -> list[av.VideoFrame]:
    context = av.CodecContext.create("h264", "r")
    pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]
    return pictures + list(context.decode(None))


async def test_on_a_starved_link_a_small_transcode_follows_the_main_stream(
    h264: Footage, transcoders: Transcoders
) -> None:
    camera = Camera(h264)
    camera.take(25)
    source = await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)
    frames = source.frames()
    first = await some(frames, 1)
    assert source.showing.rung == "main"
    now = asyncio.get_running_loop().time()
    advice = source.adapt(starved(now + 2))
    assert advice.drops_queue, "what waits of the main stream is of no use any more"
    assert advice.pace_bits_per_second is not None
    coming = asyncio.ensure_future(some(frames, 8))
    while not coming.done():
        await asyncio.sleep(0.01)
        camera.take_if_wanted(source)
    then = await coming
    assert (source.showing.rung, source.showing.reason) == ("low", "rate")
    assert then[0].is_keyframe
    assert len(decoded(then)) == 8
    dues = [frame.due_seconds for frame in first + then]
    assert all(after > before for before, after in pairwise(dues))
    assert not source.adapt(starved(now + 2.1)).drops_queue
    await frames.aclose()  # type: ignore[attr-defined]


async def test_a_sub_stream_is_taken_before_anything_is_transcoded(
    h264: Footage, small: Footage, transcoders: Transcoders
) -> None:
    camera = Camera(h264, small)
    camera.take(25)
    source = await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)
    frames = source.frames()
    await some(frames, 1)
    source.adapt(starved(asyncio.get_running_loop().time() + 2, 4e5))
    (frame,) = await some(frames, 1)
    assert source.showing.rung == "sub"
    assert frame.is_keyframe
    await frames.aclose()  # type: ignore[attr-defined]
    assert camera.outlet._listeners == ()
    assert camera.sub_outlet is not None
    assert camera.sub_outlet._listeners == ()


async def test_where_no_transcode_is_free_keyframes_remain(h264: Footage, transcoders: Transcoders) -> None:
    other = transcoders.open("h264", reorders=False)
    camera = Camera(h264)
    camera.take(25)
    source = await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)
    frames = source.frames()
    await some(frames, 1)
    source.adapt(starved(asyncio.get_running_loop().time() + 2))
    coming = asyncio.ensure_future(some(frames, 2))
    while not coming.done():
        await asyncio.sleep(0.01)
        camera.take_if_wanted(source)
    assert all(frame.is_keyframe for frame in await coming)
    assert source.showing.rung == "keyframes"
    await frames.aclose()  # type: ignore[attr-defined]
    other.close()


async def test_h265_is_transcoded_and_said_or_refused_with_one_line(hevc: Footage, transcoders: Transcoders) -> None:
    camera = Camera(hevc)
    camera.take(11)
    source = await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)
    frames = source.frames()
    coming = asyncio.ensure_future(some(frames, 2))
    while not coming.done():
        await asyncio.sleep(0.01)
        camera.take_if_wanted(source)
    assert decoded(await coming)
    assert (source.showing.rung, source.showing.reason) == ("low", "h265")
    with pytest.raises(CaptureError, match=r"sends H\.265, which browsers do not play, and no transcode is free"):
        await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)
    await frames.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("quality", "rung"), [("auto", "main"), ("main", "main"), ("sub", "sub"), ("low", "low"), ("stills", "stills")]
)
async def test_what_is_asked_for_is_an_upper_bound(
    quality: Quality, rung: str, h264: Footage, small: Footage, transcoders: Transcoders
) -> None:
    camera = Camera(h264, (small[0], small[1]) if rung == "sub" else None)
    camera.take(25)
    source = await AdaptiveSource.open(camera, Live(camera_id="gate", quality=quality), transcoders)
    frames = source.frames()
    (frame,) = await some(frames, 1)
    assert source.showing.rung == rung
    assert frame.at == camera.main._packets[20].at if rung in ("main", "sub") else True
    for second in range(30):
        source.adapt(LinkFeedback(asyncio.get_running_loop().time() + 10 + second, 3e7, 0.0, 0.05, 0.0))
    assert source.showing.rung == rung, "nothing above it"
    await frames.aclose()  # type: ignore[attr-defined]


async def test_a_camera_that_shows_nothing_says_so(h264: Footage, transcoders: Transcoders) -> None:
    camera = Camera(h264)
    camera.outlet.end()
    with pytest.raises(CaptureError, match="gate gives no pictures now"):
        await AdaptiveSource.open(camera, Live(camera_id="gate"), transcoders)


@pytest.mark.parametrize(
    ("stream", "small", "quality", "rung", "reason"),
    [
        (STREAM, SMALL, "auto", "main", "asked"),
        (STREAM, SMALL, "sub", "sub", "asked"),
        (LARGE, None, "sub", "low", "no_sub_stream"),
        (HEVC, SMALL, "main", "sub", "h265"),
    ],
)
async def test_it_says_why_it_shows_another_stream_than_the_main_one(
    stream: StreamInfo, small: StreamInfo | None, quality: Quality, rung: str, reason: str, transcoders: Transcoders
) -> None:
    camera = Camera((stream, []), None if small is None else (small, []))
    source = await AdaptiveSource.open(camera, Live(camera_id="gate", quality=quality), transcoders)
    assert (source.showing.rung, source.showing.reason) == (rung, reason)
    await source.close()
