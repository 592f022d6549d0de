"""An agent with a film for a camera, in this process; and a viewer that counts what it gets."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiortc import RTCDataChannel
from nats.aio.client import Client

from tests.hub.ui.browser.film import film
from tests.hub.video.agents import AGENT_ID, Clips
from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.ring import GopRing
from vigie_agent.capture.source import CameraSource
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_agent.video.playback.footage import StoredFootage
from vigie_agent.video.sources import MediaSources
from vigie_agent.video.stills.desk import StillsDesk
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CaptureError
from vigie_shared.ice import IceServer
from vigie_shared.media import CHANNEL, MEDIA_MESSAGE, VIEWER_COMMAND, MediaMessage, PlaybackCommand
from vigie_shared.rtc.connection import accept_answer, describe, make_connection, offer_video
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver

CAMERA_ID = "in"


class FilmCamera:
    """A film played over and over in its own time, as a camera gives packets."""

    sub_outlet = None

    def __init__(self, path: Path, camera_id: str = CAMERA_ID) -> None:
        self.camera_id = camera_id
        self._guard = threading.RLock()
        self._ring = GopRing(2, 10_000_000)
        self.outlet = Outlet(self._ring.newest_gop, self._guard)
        settings = CameraSettings(camera_id=camera_id, source=str(path), loop=True)
        self._source = CameraSource(settings, self, SystemClock())
        self.has_begun = threading.Event()

    def start(self) -> None:
        """Blocks until pictures come."""
        self._source.start()
        assert self.has_begun.wait(10)

    def stop(self) -> None:
        self._source.stop()

    def on_stream(self, stream: StreamInfo) -> None:
        with self._guard:
            self._ring.clear()
            self.outlet.begin(stream)

    def on_packet(self, packet: Packet) -> None:
        with self._guard:
            self._ring.append(packet)
            self.outlet.feed(packet)
        self.has_begun.set()

    def on_lost(self, error: CaptureError) -> None:
        self.outlet.end()

    def on_end(self) -> None:
        self.outlet.end()


@asynccontextmanager
async def film_camera(folder: Path, seconds: int = 4) -> AsyncIterator[FilmCamera]:
    path = folder / "film.mp4"
    path.write_bytes(await asyncio.to_thread(film, seconds))
    camera = FilmCamera(path)
    await asyncio.to_thread(camera.start)
    try:
        yield camera
    finally:
        await asyncio.to_thread(camera.stop)


@asynccontextmanager
async def stills_agent(
    connection: Client, camera: FilmCamera, budget: LinkBudget | None = None, light: Light | None = None
) -> AsyncIterator[tuple[StillsDesk, Light]]:
    """An agent that gives stills of `camera` when it is asked."""
    light, transcoders = light or Light(SystemClock()), Transcoders(1)
    desk = StillsDesk(AGENT_ID, [camera], transcoders, budget or LinkBudget.unlimited(), light)
    running = asyncio.create_task(desk.run(connection))
    await desk.ready.wait()
    try:
        yield desk, light
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(transcoders.close)


@asynccontextmanager
async def live_agent(
    connection: Client,
    camera: FilmCamera,
    budget: LinkBudget | None = None,
    *,
    store: Store | None = None,
    ice_servers: tuple[IceServer, ...] = (),
    on_broken: Callable[[], None] = lambda: None,
) -> AsyncIterator[tuple[Answerer, MediaDesk, Light]]:
    """An agent that shows `camera`, and clips of `store`."""
    light = Light(SystemClock())
    sources = MediaSources([camera], None if store is None else lambda: StoredFootage(store))
    desk = MediaDesk(sources.open, budget or LinkBudget.unlimited(), light, ice_servers=ice_servers)
    answerer = Answerer(connection, AGENT_ID, Clips(), media=desk, on_broken=on_broken)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(answerer.run()), group.create_task(light.run())]
        await answerer.ready.wait()
        try:
            yield answerer, desk, light
        finally:
            for task in tasks:
                task.cancel()


class TestViewer:
    """What a player does, without decoding."""

    __test__ = False

    def __init__(self, ice_servers: Sequence[IceServer] = ()) -> None:
        self.connection = make_connection(ice_servers)
        self.receiver = PacketReceiver(offer_video(self.connection), on_frame=self._on_frame)
        self.channel: RTCDataChannel = self.connection.createDataChannel(CHANNEL)
        self.channel.on("message", self._on_message)
        self.frames: list[ReceivedFrame] = []
        self.messages: list[MediaMessage] = []
        self._stirred = asyncio.Event()

    async def offer(self) -> str:
        return await describe(self.connection)

    async def accept(self, answer_sdp: str) -> None:
        await accept_answer(self.connection, answer_sdp)

    def say(self, command: PlaybackCommand) -> None:
        self.channel.send(VIEWER_COMMAND.dump_json(command).decode())

    async def has_frames(self, count: int, seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while len(self.frames) < count:
                self._stirred.clear()
                await self._stirred.wait()

    async def has_heard(self, kind: type[MediaMessage], seconds: float = 60) -> MediaMessage:
        async with asyncio.timeout(seconds):
            while True:
                found = next((message for message in self.messages if isinstance(message, kind)), None)
                if found is not None:
                    return found
                self._stirred.clear()
                await self._stirred.wait()

    async def close(self) -> None:
        await self.connection.close()

    def _on_frame(self, frame: ReceivedFrame) -> None:
        self.frames.append(frame)
        self._stirred.set()

    def _on_message(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        self.messages.append(MEDIA_MESSAGE.validate_json(message))
        self._stirred.set()
