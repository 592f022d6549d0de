"""What a pull moves over lossy links by the road that it chooses, and a data channel with our congestion controller;
beside them, over the same emulated link in turn, aiortc's own channel and TCP with BBR and with cubic.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from tests.benchmarks._bus import bus
from tests.links.emulated import Link, emulated_link
from vigie_shared.bench import Measurement

SUMMARY = "goodput of pulls and of a data channel over lossy links, beside aiortc's own and TCP with BBR"

ENDS: Final = "tests.benchmarks._goodput_ends"
HUB: Final = "tests.benchmarks._road_ends"
AGENT: Final = "tests.hub.video.tcp"
KINDS: Final = ("road", "ours", "bbr", "stock", "cubic")
"""`road` is a whole pull, from the wish to the archive; the others are flows for a time."""
CHANNELS: Final = ("ours", "stock")
_PULL_SECONDS_MAX: Final = 120.0


@dataclass(frozen=True)
class Case:
    """A link."""

    name: str
    rate_bits: float
    rtt_seconds: float
    loss: float


CASES: Final = (Case("loss0", 5e6, 0.05, 0.0), Case("loss1", 5e6, 0.05, 0.01), Case("loss2", 10e6, 0.1, 0.02))


@dataclass(frozen=True)
class Moved:
    """What one flow did."""

    mbit_per_s: float
    sender_cpu_s_per_100mb: float | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flow-seconds", type=float, default=20, metavar="N", help="length of each flow")
    parser.add_argument("--flow-rounds", type=int, default=3, metavar="N", help="flows of each kind, and seeds")
    parser.add_argument("--flow-kinds", nargs="+", choices=KINDS, default=list(KINDS), help="only these; bbr always")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    seconds = 4.0 if arguments.quick else arguments.flow_seconds
    rounds = 1 if arguments.quick else arguments.flow_rounds
    kinds = [kind for kind in KINDS if kind in arguments.flow_kinds or kind == "bbr"]
    for case in CASES:
        yield from rows(case, asyncio.run(measure(case, kinds, seconds, rounds)))
    for rival in ("bbr", "cubic") if set(KINDS) == set(kinds) else ():
        share = asyncio.run(share_beside(rival, CASES[0], seconds))
        yield Measurement(
            case=f"{CASES[0].name} {rival}", metric="share_beside_tcp", value=share, unit="", baseline=0.5
        )


def rows(case: Case, moved: dict[str, list[Moved]]) -> Iterator[Measurement]:
    """`goodput_ratio` is that of the road chosen, `goodput_channel_ratio` that of the channel alone; BBR is 1."""
    rate = {kind: median(flow.mbit_per_s for flow in flows) for kind, flows in moved.items()}
    for kind in moved:
        name = f"{case.name} {kind}"
        yield Measurement(case=name, metric="goodput_mbit_per_s", value=rate[kind], unit="Mbit/s", baseline=rate["bbr"])
    for metric, kind in (("goodput_ratio", "road"), ("goodput_channel_ratio", "ours")):
        if kind in rate:
            ratio = rate[kind] / rate["bbr"]
            yield Measurement(case=case.name, metric=metric, value=ratio, unit="of TCP BBR", baseline=1.0)
    cpu = {
        kind: median(flow.sender_cpu_s_per_100mb or 0.0 for flow in moved[kind]) for kind in CHANNELS if kind in moved
    }
    if "ours" in cpu:
        yield Measurement(
            case=case.name, metric="sender_cpu_s_per_100mb", value=cpu["ours"], unit="s", baseline=cpu.get("stock")
        )


async def measure(case: Case, kinds: Sequence[str], seconds: float, rounds: int) -> dict[str, list[Moved]]:
    """Each kind in turn, on a link of its own with the same seed."""
    moved: dict[str, list[Moved]] = {kind: [] for kind in kinds}
    for seed in range(1, rounds + 1):
        for kind in kinds:
            async with emulated_link(case.rate_bits, case.rtt_seconds, case.loss, seed) as link:
                pulls = kind == "road"
                moved[kind].append(
                    await pull(link, round(case.rate_bits * seconds / 8)) if pulls else await flow(link, kind, seconds)
                )
    return moved


async def pull(link: Link, clip_bytes: int) -> Moved:
    """A clip from far to near, by the road that the hub chooses."""
    with tempfile.TemporaryDirectory() as name:
        async with bus(link.near) as url, AsyncExitStack() as stack:
            wanted = (url, name, link.near.address, str(clip_bytes))
            hub = await _start(stack, link.near.command(sys.executable, "-m", HUB, *wanted))
            door = (await _hear(hub))["url"]
            folder = Path(name)
            held = (url, str(clip_bytes), str(folder / "agent"), str(door), str(folder / "tls" / "authority.pem"))
            agent = await _start(stack, link.far.command(sys.executable, "-m", AGENT, *held))
            assert agent.stdout is not None
            assert await agent.stdout.readline() == b"ready\n"
            _tell(hub, {})
            async with asyncio.timeout(_PULL_SECONDS_MAX):
                told = await _hear(hub)
    print(f"bench: pulled by {told['roads']}", file=sys.stderr)
    return Moved(clip_bytes * 8e-6 / told["seconds"])


async def share_beside(rival: str, case: Case, seconds: float) -> float:
    """Of what both move at the same time."""
    async with emulated_link(case.rate_bits, case.rtt_seconds, case.loss) as link:
        ours, theirs = await asyncio.gather(flow(link, "ours", seconds), flow(link, rival, seconds))
    return ours.mbit_per_s / (ours.mbit_per_s + theirs.mbit_per_s)


async def flow(link: Link, kind: str, seconds: float) -> Moved:
    """From near to far, for so long."""
    arguments = (kind, str(seconds), link.far.address)
    async with AsyncExitStack() as stack:
        receiver = await _start(stack, link.far.command(sys.executable, "-m", ENDS, "receive", *arguments))
        if kind not in CHANNELS:
            await _hear(receiver)
        sender = await _start(stack, link.near.command(sys.executable, "-m", ENDS, "send", *arguments))
        if kind in CHANNELS:
            _tell(receiver, await _hear(sender))
            _tell(sender, await _hear(receiver))
        began_at = (await _hear(sender))["began_at"]
        cpu_seconds = (await _hear(sender))["cpu_seconds"]
        _tell(receiver, {})
        counted = await _hear(receiver)
    came = sum(size for at, size in counted["arrivals"] if at <= began_at + seconds)
    return Moved(came * 8e-6 / seconds, cpu_seconds * 1e8 / max(came, 1))


async def _start(stack: AsyncExitStack, command: list[str]) -> Process:
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**26)

    async def end() -> None:
        if process.returncode is None:
            process.kill()
        await process.communicate()

    stack.push_async_callback(end)
    return process


async def _hear(process: Process) -> dict[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise RuntimeError("an end of the flow failed; see above")
    words: dict[str, Any] = json.loads(line)
    return words


def _tell(process: Process, words: dict[str, Any]) -> None:
    assert process.stdin is not None
    process.stdin.write(json.dumps(words).encode() + b"\n")
