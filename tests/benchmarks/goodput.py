"""What a data channel with our congestion controller moves over lossy links; beside it, over the same emulated link in
turn, aiortc's own and TCP with BBR and with cubic.
"""

import argparse
import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from tests.links.emulated import Link, emulated_link
from vigie_shared.bench import Measurement

SUMMARY = "goodput of a data channel over lossy links, beside aiortc's own and TCP with BBR"

ENDS: Final = "tests.benchmarks._goodput_ends"
KINDS: Final = ("ours", "bbr", "stock", "cubic")


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
    sender_cpu_s_per_100mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--flow-seconds", type=float, default=20, metavar="N", help="length of each flow")
    parser.add_argument("--flow-rounds", type=int, default=3, metavar="N", help="flows of each kind, and seeds")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    seconds = 4.0 if arguments.quick else arguments.flow_seconds
    rounds = 1 if arguments.quick else arguments.flow_rounds
    for case in CASES:
        moved = asyncio.run(measure(case, seconds, rounds))
        rate = {kind: median(flow.mbit_per_s for flow in flows) for kind, flows in moved.items()}
        for kind in KINDS:
            name = f"{case.name} {kind}"
            yield Measurement(
                case=name, metric="goodput_mbit_per_s", value=rate[kind], unit="Mbit/s", baseline=rate["bbr"]
            )
        cpu = {kind: median(flow.sender_cpu_s_per_100mb for flow in moved[kind]) for kind in ("ours", "stock")}
        yield Measurement(
            case=case.name, metric="sender_cpu_s_per_100mb", value=cpu["ours"], unit="s", baseline=cpu["stock"]
        )
        yield Measurement(
            case=case.name,
            metric="goodput_ratio",
            value=rate["ours"] / rate["bbr"],
            unit="",
            baseline=rate["stock"] / rate["bbr"],
        )
    for rival in ("bbr", "cubic"):
        share = asyncio.run(share_beside(rival, CASES[0], seconds))
        yield Measurement(
            case=f"{CASES[0].name} {rival}", metric="share_beside_tcp", value=share, unit="", baseline=0.5
        )


async def measure(case: Case, seconds: float, rounds: int) -> dict[str, list[Moved]]:
    """Each kind in turn, on a link of its own with the same seed."""
    moved: dict[str, list[Moved]] = {kind: [] for kind in KINDS}
    for seed in range(1, rounds + 1):
        for kind in KINDS:
            async with emulated_link(case.rate_bits, case.rtt_seconds, case.loss, seed) as link:
                moved[kind].append(await flow(link, kind, seconds))
    return moved


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
        if kind not in ("ours", "stock"):
            await _hear(receiver)
        sender = await _start(stack, link.near.command(sys.executable, "-m", ENDS, "send", *arguments))
        if kind in ("ours", "stock"):
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
