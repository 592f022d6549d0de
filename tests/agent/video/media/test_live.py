"""Live video begins with what is there since the last keyframe, at once, and goes on in time; what cannot be played
as it is says so."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.agent.capture.cameras import STREAM, packet
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.ring import GopRing
from vigie_agent.video.media.live import LiveSource, unplayable
from vigie_agent.video.media.source import MediaFrame
from vigie_shared.errors import CaptureError
from vigie_shared.media import Showing, ShowingReason

SHOWING = Showing(rung="main", width_px=STREAM.width_px, height_px=STREAM.height_px, camera_id="gate")
HEVC = replace(STREAM, codec="hevc")
SMALL = replace(STREAM, width_px=160)


class Camera:
    """Outlets that the test feeds."""

    camera_id = "gate"

    def __init__(self, stream: StreamInfo | None = STREAM, small: StreamInfo | None = None) -> None:
        self.ring = GopRing(30, 10_000_000)
        self.outlet = Outlet(self.ring.newest_gop, threading.RLock())
        self.sub_outlet = None if small is None else Outlet(list, threading.RLock())
        if stream is not None:
            self.outlet.begin(stream)
        if small is not None and self.sub_outlet is not None:
            self.sub_outlet.begin(small)

    def take(self, *packets: Packet) -> None:
        for each in packets:
            self.ring.append(each)
            self.outlet.feed(each)


async def some(frames: AsyncIterator[MediaFrame], count: int) -> list[MediaFrame]:
    async with asyncio.timeout(5):
        return [await anext(frames) for _ in range(count)]


async def test_the_gop_in_the_ring_leaves_at_once_and_what_follows_in_time() -> None:
    camera = Camera()
    camera.take(packet(10, keyframe=True), packet(11), packet(12))
    source = LiveSource(camera.outlet, SHOWING)
    frames = source.frames()
    burst = await some(frames, 3)
    camera.take(packet(12.5), packet(14, keyframe=True))
    followed = await some(frames, 2)
    await source.close()
    assert [frame.is_keyframe for frame in burst + followed] == [True, False, False, False, True]
    assert [round(frame.due_seconds, 3) for frame in burst + followed] == [0.001, 0.002, 0.003, 0.503, 2.003]


async def test_a_source_that_is_closed_ends_and_lets_go_of_the_camera() -> None:
    camera = Camera()
    camera.take(packet(0, keyframe=True))
    source = LiveSource(camera.outlet, SHOWING)
    frames = source.frames()
    await some(frames, 1)
    ending = asyncio.ensure_future(anext(frames, None))
    await asyncio.sleep(0)
    await source.close()
    assert await ending is None
    assert camera.outlet._listeners == ()


async def test_a_silent_camera_is_said_to_be_silent() -> None:
    source = LiveSource(Camera().outlet, SHOWING, silence_seconds=0.01)
    with pytest.raises(CaptureError, match="gate gives no pictures"):
        await anext(source.frames())


async def test_a_viewer_that_is_too_slow_goes_on_at_the_newest_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    camera, loop = Camera(), asyncio.get_running_loop()
    camera.take(packet(0, keyframe=True))
    source = LiveSource(camera.outlet, SHOWING)
    frames = source.frames()
    await some(frames, 1)
    began, late_seconds = loop.time(), 0.0
    monkeypatch.setattr(loop, "time", lambda: began + late_seconds)
    for at in range(1, 9):
        late_seconds = at * 0.5
        camera.take(packet(at * 0.5, keyframe=at == 6))
        await asyncio.sleep(0)
    went_on = await some(frames, 2)
    await source.close()
    assert went_on[0].is_keyframe
    assert source.skipped_packets == 5


@pytest.mark.parametrize(
    ("stream", "reason"), [(STREAM, None), (HEVC, "h265"), (None, "camera_lost")], ids=["H.264", "H.265", "lost"]
)
def test_what_browsers_do_not_play_is_known(stream: StreamInfo | None, reason: ShowingReason | None) -> None:
    assert unplayable(Camera(stream).outlet) == reason


def test_b_frames_are_noticed_as_they_come() -> None:
    camera = Camera(STREAM)
    camera.take(packet(0, keyframe=True), replace(packet(1), pts=3000), replace(packet(2), pts=2000))
    assert unplayable(camera.outlet) == "b_frames"
