"""H.264 passed through WebRTC as it is: what a stream costs its sender, beside aiortc's own sender and GStreamer, and
to how many viewers a hub can hand one stream on. A stream-minute is 1,500 frames.
"""

import argparse
import asyncio
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks._processor import cpu_seconds
from tests.benchmarks._rtc_clip import FRAMES_PER_SECOND, PHASES, make_clip
from tests.benchmarks._rtc_process import PeerProcess, peer_process
from vigie_shared.bench import Measurement
from vigie_shared.rtc.h264 import PAYLOAD_BYTES_MAX

SUMMARY = "processor time of passed-through streams, and viewers a core at the hub"

_SETTLE_SECONDS = 2.0
_RTP_HEADER_BYTES = 12


@dataclass(frozen=True)
class Pipeline:
    """How GStreamer sends. Its streams send in step, all at once, unless they are held back."""

    packet_bytes: int = 1400
    encryption: str = f"key={'00' * 30}"
    is_in_step: bool = True

    def description(self, clip: Path, port: int, number: int) -> str:
        """Of one stream."""
        late_nanoseconds = 0 if self.is_in_step else round(number / PHASES / FRAMES_PER_SECOND * 1e9)
        return (
            f"filesrc location={clip} ! qtdemux ! h264parse config-interval=-1 ! rtph264pay mtu={self.packet_bytes} ! "
            f"srtpenc {self.encryption} ! udpsink host=127.0.0.1 port={port} ts-offset={late_nanoseconds}"
        )


GSTREAMER = {
    "GStreamer": Pipeline(),
    "GStreamer with our packets and phases": Pipeline(
        packet_bytes=_RTP_HEADER_BYTES + PAYLOAD_BYTES_MAX,
        encryption=f"key={'00' * 44} rtp-cipher=aes-256-gcm rtcp-cipher=aes-256-gcm rtp-auth=null rtcp-auth=null",
        is_in_step=False,
    ),
}
"""As it is by default; and sending what ours sends, when ours does, encrypted in the same way."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    streams: int
    seconds: float
    rounds: int
    viewers: int


@dataclass(frozen=True)
class Relayed:
    """What the hub used to relay, and what came to it from the agent."""

    cores: float
    uplink_kbit_s: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--streams", type=int, default=8, metavar="N", help="sent at the same time")
    parser.add_argument("--viewers", type=int, default=100, metavar="N", help="of one stream at the hub")
    parser.add_argument("--seconds", type=float, default=8, metavar="S", help="measured of each kind in a round")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of each kind")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    plan = Plan(arguments.streams, arguments.seconds, arguments.rounds, arguments.viewers)
    if arguments.quick:
        plan = Plan(streams=2, seconds=2, rounds=1, viewers=4)
    yield from sender_rows(plan)
    yield from viewer_rows(plan)


def sender_rows(plan: Plan) -> Iterator[Measurement]:
    """`cpu_s_per_stream_minute`: ours against each of the others."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, 1920, 1080, 4_000_000, 2 * _SETTLE_SECONDS + plan.seconds + 10)
        ours: list[float] = []
        stock: list[float] = []
        gstreamer: dict[str, list[float]] = {name: [] for name in GSTREAMER}
        for _ in range(plan.rounds):
            ours.append(asyncio.run(_aiortc_cost(clip, plan)))
            stock.append(asyncio.run(_aiortc_cost(clip, plan, "--stock")))
            if shutil.which("gst-launch-1.0"):
                for name, pipeline in GSTREAMER.items():
                    gstreamer[name].append(_gstreamer_cost(clip, plan, pipeline))
    case = f"1080p 4 Mbit/s, {plan.streams} streams, "
    value = median(ours)
    for name, costs in {"aiortc's sender": stock, **gstreamer}.items():
        if not costs:
            print(f"bench: no gst-launch-1.0 here, so no row against {name}", file=sys.stderr)
            continue
        yield Measurement(
            case=f"{case}against {name}",
            metric="cpu_s_per_stream_minute",
            value=value,
            unit="s",
            baseline=median(costs),
        )


def viewer_rows(plan: Plan) -> Iterator[Measurement]:
    """`viewers_per_core`: whole viewers' frames by the cores that the hub uses to relay them; how late they are; and
    what the agent sends for all of them, against what it sends for one.
    """
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, 768, 432, 1_000_000, 8)
        alone, measured = asyncio.run(_relay(clip, plan))
    case = f"1 Mbit/s, {plan.viewers} viewers"
    full = plan.seconds * FRAMES_PER_SECOND
    served = median(late["frames"] / full / relayed.cores for relayed, late in measured)
    yield Measurement(case=case, metric="viewers_per_core", value=served, unit="viewers")
    for share in ("p50", "p95", "p99"):
        late = median(late[f"{share}_ms"] for _, late in measured)
        yield Measurement(case=case, metric=f"late_{share}_ms", value=late, unit="ms")
    rate = median(late["frames"] for _, late in measured) / plan.viewers / plan.seconds
    yield Measurement(
        case=case, metric="frames_per_second", value=rate, unit="frames/s", baseline=float(FRAMES_PER_SECOND)
    )
    uplink = median(relayed.uplink_kbit_s for relayed, _ in measured)
    yield Measurement(
        case=f"{case}, against 1", metric="uplink_kbit_s", value=uplink, unit="kbit/s", baseline=alone.uplink_kbit_s
    )


async def _aiortc_cost(clip: Path, plan: Plan, *options: str) -> float:
    async with peer_process("receiver") as receiver, peer_process("sender", "--clip", str(clip), *options) as sender:
        for _ in range(plan.streams):
            await receiver.call("accept", answer=await sender.call("answer", offer=await receiver.call("offer")))
        await asyncio.sleep(_SETTLE_SECONDS)
        before, used = await sender.call("frames"), sender.cpu_seconds()
        arrived = await receiver.call("frames")
        await asyncio.sleep(plan.seconds)
        cost, sent = sender.cpu_seconds() - used, await sender.call("frames") - before
        arrived = await receiver.call("frames") - arrived
    if arrived < 0.9 * sent:
        print(f"bench: only {arrived} of {sent} frames arrived in time: others want the processors", file=sys.stderr)
    return _of_a_minute(cost, sent)


def _of_a_minute(cpu_s: float, frames: int) -> float:
    return cpu_s / frames * 60 * FRAMES_PER_SECOND


def _gstreamer_cost(clip: Path, plan: Plan, pipeline: Pipeline) -> float:
    with counting_ports(plan.streams) as (ports, frames):
        pipelines = [pipeline.description(clip, port, number) for number, port in enumerate(ports)]
        command = ["gst-launch-1.0", "--quiet", *" ".join(pipelines).split()]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                time.sleep(_SETTLE_SECONDS)
                used, before = cpu_seconds(process.pid), sum(frames)
                time.sleep(plan.seconds)
                if process.poll() is not None:
                    raise RuntimeError("GStreamer ended early")
                return _of_a_minute(cpu_seconds(process.pid) - used, sum(frames) - before)
            finally:
                process.kill()


@contextlib.contextmanager
def counting_ports(count: int) -> Iterator[tuple[list[int], list[int]]]:
    """UDP ports on loopback that somebody reads from, as from ours, and how many frames came to each (RTP's marker)."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    frames = [0] * count

    def read(number: int) -> None:
        while packet := sockets[number].recv(2048):
            frames[number] += packet[1] >> 7

    for sock in sockets:
        sock.bind(("127.0.0.1", 0))
    threads = [threading.Thread(target=read, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield [sock.getsockname()[1] for sock in sockets], frames
    finally:
        for sock in sockets:
            sock.sendto(b"", sock.getsockname())
        for thread in threads:
            thread.join()
        for sock in sockets:
            sock.close()


async def _relay(clip: Path, plan: Plan) -> tuple[Relayed, list[tuple[Relayed, dict[str, float]]]]:
    """With one viewer, and with all of them in each round: what the hub does, and what they see."""
    measured = []
    async with (
        peer_process("relay") as hub,
        peer_process("viewers") as viewers,
        peer_process("sender", "--clip", str(clip)) as agent,
    ):

        async def watch() -> None:
            await viewers.call("accept", answer=await hub.call("answer", offer=await viewers.call("offer")))

        await hub.call("accept", answer=await agent.call("answer", offer=await hub.call("offer")))
        await watch()
        await asyncio.sleep(_SETTLE_SECONDS)
        alone = await _relayed(hub, plan.seconds)
        for _ in range(plan.viewers - 1):
            await watch()
        await asyncio.sleep(_SETTLE_SECONDS)
        for _ in range(plan.rounds):
            await viewers.call("lateness")
            measured.append((await _relayed(hub, plan.seconds), await viewers.call("lateness")))
    return alone, measured


async def _relayed(hub: PeerProcess, seconds: float) -> Relayed:
    used, received, began = hub.cpu_seconds(), await hub.call("received_bytes"), time.perf_counter()
    await asyncio.sleep(seconds)
    received, passed = await hub.call("received_bytes") - received, time.perf_counter() - began
    return Relayed(cores=(hub.cpu_seconds() - used) / passed, uplink_kbit_s=received * 8 / 1000 / passed)
