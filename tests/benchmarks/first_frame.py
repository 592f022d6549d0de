"""How soon a camera is seen: in headless Chromium from the wish to the first picture, beside aiortc as it comes; and
at the hub over an emulated link, with a connection that is cold, and one that is warm.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import unittest
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median, quantiles
from typing import Final

import av
import nats
import structlog
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from playwright.async_api import Browser, Page, async_playwright

from tests.benchmarks._rtc_clip import _GROUP_FRAMES as GROUP_FRAMES
from tests.benchmarks._rtc_clip import FRAMES_PER_SECOND, make_clip
from tests.hub.api.stage import NAME, PASSWORD, camera, serving, stage
from tests.hub.video.agents import AGENT_ID
from tests.hub.video.live_agents import CAMERA_ID, FilmCamera, live_agent
from tests.links.emulated import Link, emulated_link
from tests.servers.nats_server import nats_server_binary, running_nats_server
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.bench import Measurement

SUMMARY = "time to the first picture: in Chromium beside aiortc as it comes, and at the hub over a long link"

ENDS: Final = "tests.benchmarks._first_frame_ends"
FLAGS: Final = ("--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader")
RTT_SECONDS: Final = 0.06
RATE_BITS: Final = 5e6
NATS_PORT: Final = 4222
LOOKED: Final = """
([camera, purpose]) => new Promise((resolve, reject) => {
  const began = performance.now();
  const view = document.createElement("live-view");
  Object.assign(view.dataset, { camera, purpose, name: camera });
  view.addEventListener("live", () => { resolve(performance.now() - began); view.remove(); });
  document.getElementById("viewer").replaceChildren(view);
  setTimeout(() => reject(new Error("no picture")), 20000);
})
"""
NAIVE: Final = """
() => new Promise(async (resolve, reject) => {
  const began = performance.now();
  const peer = new RTCPeerConnection();
  peer.addTransceiver("video", { direction: "recvonly" });
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  document.body.replaceChildren(video);
  peer.addEventListener("track", ({ streams, track }) => { video.srcObject = streams[0] ?? new MediaStream([track]); });
  video.requestVideoFrameCallback(() => { resolve(performance.now() - began); peer.close(); });
  await peer.setLocalDescription();
  if (peer.iceGatheringState !== "complete") await new Promise((done) =>
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && done()));
  const sdp = await answerNaively(peer.localDescription.sdp);
  await peer.setRemoteDescription({ type: "answer", sdp });
  setTimeout(() => reject(new Error("no picture")), 20000);
})
"""


@dataclass(frozen=True)
class LongLink:
    """A case over an emulated link."""

    name: str
    loss: float
    rounds: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--looks", type=int, default=20, metavar="N", help="of each kind in Chromium")
    parser.add_argument("--pulls", type=int, default=40, metavar="N", help="over each emulated link")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    looks, pulls = (2, 2) if arguments.quick else (getattr(arguments, "looks", 20), getattr(arguments, "pulls", 40))
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, 768, 432, 1_000_000, 60)
        yield from lan_rows(clip, looks)
        yield from long_rows(clip, pulls)


def lan_rows(clip: Path, looks: int) -> Iterator[Measurement]:
    """`first_frame_ms`, case `lan`: ours against aiortc as it comes, in turn."""
    if shutil.which("chromium") is None:
        print("bench: no chromium here, so no rows of case lan", file=sys.stderr)
        return
    ours, stock = asyncio.run(_in_chromium(clip, looks))
    yield Measurement(case="lan", metric="first_frame_ms", value=median(ours), unit="ms", baseline=median(stock))
    yield Measurement(case="lan", metric="first_frame_p95_ms", value=_p95(ours), unit="ms", baseline=_p95(stock))
    yield Measurement(case="lan, worst", metric="first_frame_ms", value=max(ours), unit="ms", baseline=max(stock))


def long_rows(clip: Path, pulls: int) -> Iterator[Measurement]:
    """`first_frame_ms` at the hub over 60 ms and 5 Mbit/s, cold and warm, without loss and with 2 %."""
    for link in (LongLink("rtt60", 0.0, pulls), LongLink("rtt60_loss2", 0.02, pulls)):
        try:
            times = asyncio.run(_over(link, clip))
        except unittest.SkipTest as reason:
            print(f"bench: {reason}", file=sys.stderr)
            return
        for kind in ("cold", "warm"):
            taken = [each[f"{kind}_ms"] for each in times]
            case, value = f"{link.name}_{kind}", median(taken)
            yield Measurement(case=case, metric="first_frame_ms", value=value, unit="ms")
            yield Measurement(case=case, metric="round_trips", value=value / 1000 / RTT_SECONDS, unit="round trips")
            yield Measurement(case=case, metric="first_frame_p95_ms", value=_p95(taken), unit="ms")


def _p95(taken: list[float]) -> float:
    """One in twenty took as long, or longer."""
    return quantiles(taken, n=20, method="inclusive")[-1] if len(taken) > 1 else taken[0]


async def _in_chromium(clip: Path, looks: int) -> tuple[list[float], ...]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = await asyncio.to_thread(stack.enter_context, running_nats_server(folder / "nats"))
        client = await nats.connect(server.url)
        stack.push_async_callback(client.close)
        film = FilmCamera(clip)
        await asyncio.to_thread(film.start)
        stack.callback(film.stop)
        hub = await stack.enter_async_context(stage(folder, client))
        await stack.enter_async_context(live_agent(client, film))
        watching = asyncio.create_task(hub.watching.run())
        stack.callback(watching.cancel)
        await hub.enrol(AGENT_ID, [camera(CAMERA_ID, "Main gate")])
        url = await stack.enter_async_context(serving(hub))
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        stack.push_async_callback(browser.close)
        page = await _signed_in(browser, url)
        naive = await (await browser.new_context()).new_page()
        naive_peers: list[RTCPeerConnection] = []
        await naive.expose_function("answerNaively", lambda sdp: _answered(sdp, film, naive_peers))

        async def look_at_ours() -> float:
            passed: float = await page.evaluate(LOOKED, [f"{AGENT_ID}/{CAMERA_ID}", "Benchmark"])
            while hub.watching.viewer_count or not hub.watching.idle_count:  # noqa: ASYNC110 - each look is a cold one
                await asyncio.sleep(0.05)
            await hub.watching.cool()
            return passed

        async def look_at_stock() -> float:
            passed: float = await naive.evaluate(NAIVE)
            await naive_peers.pop().close()
            return passed

        return await _in_turn(film, looks, look_at_ours, look_at_stock)


async def _in_turn(film: FilmCamera, looks: int, *kinds: Callable[[], Awaitable[float]]) -> tuple[list[float], ...]:
    """Each kind so often, who comes first by turns, at every share of a group of pictures alike: who waits for the next
    keyframe waits for one second on average, and chance alone made that 0.7 or 1.3.
    """
    taken: dict[Callable[[], Awaitable[float]], list[float]] = {kind: [] for kind in kinds}
    for look in range(looks):
        for kind in kinds if look % 2 else reversed(kinds):
            await _passed(film, (look + 0.5) / looks)
            taken[kind].append(await kind())
    return tuple(taken.values())


async def _passed(film: FilmCamera, share: float) -> None:
    """Wait until so much of a group of pictures has passed."""
    known: list[Packet] = []
    unsubscribe = await asyncio.to_thread(film.outlet.subscribe, lambda _stream, packet: known.append(packet))
    await asyncio.to_thread(unsubscribe)
    await asyncio.sleep((share * GROUP_FRAMES - len(known)) % GROUP_FRAMES / FRAMES_PER_SECOND)


async def _signed_in(browser: Browser, url: str) -> Page:
    page = await (await browser.new_context()).new_page()
    await page.goto(url)
    await page.fill("[name=name]", NAME)
    await page.fill("[name=password]", PASSWORD)
    await page.press("[name=password]", "Enter")
    await page.wait_for_selector("#line[data-state=live]")
    return page


class _NaiveTrack(MediaStreamTrack):
    """The same camera as aiortc's own examples would show it: from the next keyframe on, as packets come."""

    kind = "video"

    def __init__(self, film: FilmCamera) -> None:
        super().__init__()
        self._packets: asyncio.Queue[Packet] = asyncio.Queue()
        self._has_begun = False
        loop = asyncio.get_running_loop()
        newest = [True]

        def listen(_stream: StreamInfo, packet: Packet) -> None:
            if not newest[0]:
                loop.call_soon_threadsafe(self._packets.put_nowait, packet)

        self._unsubscribe = film.outlet.subscribe(listen)
        newest[0] = False

    async def recv(self) -> "av.Packet[av.stream.Stream]":
        while True:
            packet = await self._packets.get()
            self._has_begun |= packet.is_keyframe
            if self._has_begun:
                made = av.Packet(packet.data)
                made.time_base = Fraction(1, 90_000)
                made.pts = made.dts = round(packet.position_seconds * 90_000)
                return made

    def stop(self) -> None:
        self._unsubscribe()
        super().stop()


async def _answered(offer_sdp: str, film: FilmCamera, peers: list[RTCPeerConnection]) -> str:
    """As aiortc's examples answer, but for the codec, without whose order nothing would be seen at all."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peers.append(peer)
    transceiver = peer.addTransceiver(_NaiveTrack(film), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType == "video/H264"])
    await peer.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
    await peer.setLocalDescription(await peer.createAnswer())
    return peer.localDescription.sdp


async def _over(link: LongLink, clip: Path) -> list[dict[str, float]]:
    async with emulated_link(RATE_BITS, RTT_SECONDS, link.loss, seed=7) as emulated, _bus(emulated) as url:
        agent = await emulated.far.start(sys.executable, "-m", ENDS, "agent", url, str(clip), stdout=PIPE)
        try:
            assert agent.stdout is not None
            while (line := await agent.stdout.readline()) and line.strip() != b"ready":
                pass
            printed = await emulated.near.run(sys.executable, "-m", ENDS, "hub", url, str(link.rounds))
        finally:
            agent.terminate()
            await agent.communicate()
    return [json.loads(line) for line in printed.splitlines() if line.startswith("{")]


@asynccontextmanager
async def _bus(link: Link) -> AsyncIterator[str]:
    """A nats-server beside the hub."""
    binary = nats_server_binary()
    server = await link.near.start(binary, "-a", link.near.address, "-p", str(NATS_PORT), stderr=PIPE)
    try:
        assert server.stderr is not None
        while b"Server is ready" not in await server.stderr.readline():
            pass
        draining = asyncio.create_task(server.stderr.read())
        yield f"nats://{link.near.address}:{NATS_PORT}"
    finally:
        server.terminate()
        await server.wait()
    await draining
