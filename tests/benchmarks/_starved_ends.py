"""The ends of a starved link: an agent with a large film for a camera, a hub that counts the pictures it could show."""

import asyncio
import json
import resource
import sys
import time
from pathlib import Path

import av
import nats

from tests.hub.video.agents import AGENT_ID, Clips
from tests.hub.video.live_agents import CAMERA_ID, FilmCamera
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.video.answerer import Answerer
from vigie_agent.video.ladder.transcoding import Transcoders
from vigie_agent.video.media.desk import MediaDesk
from vigie_agent.video.media.light import Light
from vigie_agent.video.media.live import LiveSource
from vigie_agent.video.media.source import MediaSource
from vigie_agent.video.sources import MediaSources
from vigie_hub.video.live.agent_media import AgentMedia
from vigie_shared.clock import SystemClock
from vigie_shared.media import First, Live, MediaMessage, Showing
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.signaling import MediaWanted


async def agent(url: str, clip: Path, kind: str) -> None:
    """Serve until stdin ends, by the ladder or by passing the main stream through; then say what that took."""
    camera = FilmCamera(clip)
    await asyncio.to_thread(camera.start)
    assert camera.outlet.stream is not None
    stream = camera.outlet.stream
    showing = Showing(rung="main", width_px=stream.width_px, height_px=stream.height_px, camera_id=CAMERA_ID)

    async def passed(_first: First) -> MediaSource:
        return LiveSource(camera.outlet, showing)

    by_ladder = MediaSources([camera], transcoders=Transcoders(1)).open
    desk = MediaDesk(passed if kind == "pass" else by_ladder, LinkBudget.unlimited(), Light(SystemClock()))
    client = await nats.connect(url)
    serving = asyncio.create_task(Answerer(client, AGENT_ID, Clips(), media=desk).run())
    await client.flush()
    print("ready", flush=True)
    before = _cpu_seconds()
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps({"cpu_seconds": _cpu_seconds() - before}), flush=True)
    serving.cancel()
    await asyncio.wait([serving])
    await client.close()
    await asyncio.to_thread(camera.stop)


async def hub(url: str, seconds: float) -> None:
    """Watch for so long; print when each picture was whole, and what was shown from when on."""
    client = await nats.connect(url)
    media = AgentMedia(client, AGENT_ID, SystemClock())
    pictures: list[float] = []
    keyframes: list[tuple[float, bytes]] = []
    shown: list[tuple[float, str, str]] = []
    began = time.perf_counter()

    def on_frame(frame: ReceivedFrame) -> None:
        pictures.append(time.perf_counter() - began)
        if frame.is_keyframe:
            keyframes.append((pictures[-1], frame.data))

    def on_message(message: MediaMessage) -> None:
        if isinstance(message, Showing):
            shown.append((time.perf_counter() - began, message.rung, message.reason))

    media.on_frame, media.on_message = on_frame, on_message
    await media.open(MediaWanted(first=Live(camera_id=CAMERA_ID)))
    opened = time.perf_counter() - began
    await asyncio.sleep(began + seconds - time.perf_counter())
    widths = [(at, _width_px(data)) for at, data in keyframes]
    seen = {"opened": opened, "pictures": pictures, "keyframes": widths, "shown": shown, "seconds": seconds}
    print(json.dumps(seen), flush=True)
    await media.close()
    await client.close()


def _width_px(keyframe: bytes) -> int:
    decoder = av.CodecContext.create("h264", "r")
    pictures = [*decoder.decode(av.Packet(keyframe)), *decoder.decode(None)]
    return pictures[0].width if pictures else 0


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    role, address, *rest = sys.argv[1:]
    asyncio.run(agent(address, Path(rest[0]), rest[1]) if role == "agent" else hub(address, float(rest[0])))
