"""What is seen of a camera of 1080p and 4 Mbit/s over a link of 500 kbit/s that loses 2 % and takes 100 ms: by the
ladder, and beside it with the main stream passed through.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import unittest
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from tests.benchmarks._bus import bus
from tests.benchmarks._rtc_clip import make_clip
from tests.links.emulated import emulated_link
from vigie_shared.bench import Measurement

SUMMARY = "pictures a second over a starved link, by the ladder and passed through"

ENDS: Final = "tests.benchmarks._starved_ends"
WIDTH_PX: Final = 1920
RATE_BITS: Final = 5e5
RTT_SECONDS: Final = 0.1
LOSS: Final = 0.02
QUEUE_BYTES: Final = 60_000
SETTLED_SECONDS: Final = 5.0
CASE: Final = "500 kbit/s, 2 %, 100 ms"


@dataclass(frozen=True)
class Watched:
    """What one viewer saw."""

    fps: float
    gap_seconds: float
    """The longest time without a new picture, once settled."""
    switch_seconds: float
    """From the connection to the first picture that the link carries; the whole time where there was none."""
    cpu_seconds: float
    """Of the agent, a minute."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watched-seconds", type=float, default=25, metavar="N", help="how long each is watched")
    parser.add_argument("--watched-rounds", type=int, default=3, metavar="N", help="of each kind, and seeds")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    seconds = 12.0 if arguments.quick else getattr(arguments, "watched_seconds", 25.0)
    rounds = 1 if arguments.quick else getattr(arguments, "watched_rounds", 3)
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        make_clip(clip, WIDTH_PX, 1080, 4_000_000, 60)
        try:
            seen = asyncio.run(_measure(clip, seconds, rounds))
        except unittest.SkipTest as reason:
            print(f"bench: {reason}", file=sys.stderr)
            return
    yield from rows(seen["ladder"], seen["pass"])


def rows(ladder: list[Watched], passed: list[Watched]) -> Iterator[Measurement]:
    """`starved_fps` and what goes with it: the median of pictures, the worst of gaps and switches."""

    def row(metric: str, unit: str, value: float, baseline: float) -> Measurement:
        return Measurement(case=CASE, metric=metric, value=value, unit=unit, baseline=baseline)

    yield row("starved_fps", "1/s", median(one.fps for one in ladder), median(one.fps for one in passed))
    worst, baseline = (max(one.gap_seconds for one in seen) for seen in (ladder, passed))
    yield row("starved_gap_s", "s", worst, baseline)
    worst, baseline = (max(one.switch_seconds for one in seen) for seen in (ladder, passed))
    yield row("starved_switch_s", "s", worst, baseline)
    cpu, baseline = (median(one.cpu_seconds for one in seen) for seen in (ladder, passed))
    yield row("starved_cpu_s_per_minute", "s", cpu, baseline)


async def _measure(clip: Path, seconds: float, rounds: int) -> dict[str, list[Watched]]:
    seen: dict[str, list[Watched]] = {"ladder": [], "pass": []}
    for seed in range(1, rounds + 1):
        for kind in seen:
            seen[kind].append(await watch(clip, kind, seconds, seed))
    return seen


async def watch(clip: Path, kind: str, seconds: float, seed: int) -> Watched:
    """One viewer, on a link of its own."""
    link = emulated_link(RATE_BITS, RTT_SECONDS, LOSS, seed, queue_bytes=QUEUE_BYTES)
    async with link as emulated, bus(emulated.near) as url:
        command = (sys.executable, "-m", ENDS, "agent", url, str(clip), kind)
        agent = await emulated.far.start(*command, stdout=PIPE, stdin=PIPE)
        try:
            assert agent.stdout is not None
            while (line := await agent.stdout.readline()) and line.strip() != b"ready":
                pass
            printed = await emulated.near.run(sys.executable, "-m", ENDS, "hub", url, str(seconds))
            told, _none = await asyncio.wait_for(agent.communicate(b"\n"), 20)
        finally:
            if agent.returncode is None:
                agent.kill()
                await agent.wait()
    return _judged(_json_of(printed), _json_of(told.decode())["cpu_seconds"])


def _json_of(printed: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(next(line for line in printed.splitlines() if line.startswith("{")))
    return found


def _judged(seen: dict[str, object], cpu_seconds: object) -> Watched:
    pictures, keyframes, shown = (seen[name] for name in ("pictures", "keyframes", "shown"))
    seconds, opened = seen["seconds"], seen["opened"]
    assert isinstance(pictures, list)
    assert isinstance(keyframes, list)
    assert isinstance(shown, list)
    assert isinstance(seconds, float)
    assert isinstance(opened, float)
    assert isinstance(cpu_seconds, float)
    settled = [at for at in pictures if at >= SETTLED_SECONDS]
    times = [SETTLED_SECONDS, *settled, seconds]
    first_small = min((at for at, width in keyframes if 0 < width < WIDTH_PX), default=seconds)
    print(f"bench: shown {shown}, {len(pictures)} pictures", file=sys.stderr)
    return Watched(
        fps=len(settled) / (seconds - SETTLED_SECONDS),
        gap_seconds=max(after - before for before, after in pairwise(times)),
        switch_seconds=first_small - opened,
        cpu_seconds=cpu_seconds * 60 / seconds,
    )
