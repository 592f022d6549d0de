"""A link between two network namespaces, as slow, long and lossy as asked.

    async with emulated_link(5e6, 0.05, 0.01, seed=1) as link:
        server = await link.far.start("python", "-m", "http.server")
        client = await link.near.start("curl", f"http://{link.far.address}:8000/")

Every packet counts, so TCP, UDP and whatever runs over them fare alike. Skips the test (`unittest.SkipTest`, which
pytest knows too) where namespaces are not allowed.
"""

import asyncio
import json
import os
import sys
import unittest
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from tests.links.bridge import ADDRESSES
from tests.links.line import Conditions, Count

REPOSITORY: Final = Path(__file__).parents[2]
QUEUE_BYTES_MIN: Final = 30_000


class NamespacesRefusedError(unittest.SkipTest):
    """This machine does not let us make a network."""


@dataclass(frozen=True)
class End:
    """One side: what runs here has this address and sees only the other side's."""

    address: str
    enter: tuple[str, ...]

    def command(self, *arguments: str) -> list[str]:
        """The command line that runs `arguments` on this side."""
        return [*self.enter, *arguments]

    async def start(self, *arguments: str, **options: Any) -> Process:
        """A process on this side, in the repository's folder."""
        options = {"cwd": REPOSITORY, "stdin": DEVNULL, **options}
        return await asyncio.create_subprocess_exec(*self.command(*arguments), **options)

    async def run(self, *arguments: str) -> str:
        """What it prints; an error where it fails."""
        process = await self.start(*arguments, stdout=PIPE)
        printed, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"{arguments[0]} ended with {process.returncode}")
        return printed.decode()


class Link:
    """`near` sends forth, `far` sends back."""

    def __init__(self, bridge: Process, near: End, far: End, forth: Conditions, back: Conditions) -> None:
        self.near, self.far = near, far
        self.forth, self.back = forth, back
        self._bridge = bridge
        self._asking = asyncio.Lock()

    async def counts(self) -> tuple[Count, Count]:
        """Forth and back, so far."""
        return await self._ask([])

    async def change(self, **changes: Any) -> None:
        """Other conditions from now on, both ways: `change(loss=1.0)` cuts the link, `change(loss=0.0)` mends it."""
        self.forth, self.back = replace(self.forth, **changes), replace(self.back, **changes)
        await self._ask([asdict(self.forth), asdict(self.back)])

    async def _ask(self, conditions: list[dict[str, Any]]) -> tuple[Count, Count]:
        assert self._bridge.stdin is not None
        assert self._bridge.stdout is not None
        async with self._asking:
            self._bridge.stdin.write(json.dumps(conditions).encode() + b"\n")
            forth, back = json.loads(await self._bridge.stdout.readline())
        return Count(**forth), Count(**back)


@asynccontextmanager
async def emulated_link(
    rate_bits: float,
    rtt_seconds: float,
    loss: float = 0.0,
    seed: int = 1,
    *,
    queue_bytes: int | None = None,
    burst_packets: float | None = None,
) -> AsyncIterator[Link]:
    """The same both ways; half the round trip each way. The queue holds what one round trip carries (at least 30 kB)
    unless told otherwise.
    """
    queue_bytes = queue_bytes or max(QUEUE_BYTES_MIN, round(rate_bits * rtt_seconds / 8))
    way = Conditions(
        rate_bits=rate_bits,
        delay_seconds=rtt_seconds / 2,
        queue_bytes=queue_bytes,
        loss=loss,
        burst_packets=burst_packets,
    )
    asked = json.dumps({"ways": [asdict(way)] * 2, "seed": seed})
    command = [sys.executable, "-m", "tests.links.bridge", asked]
    bridge = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        near, far = await ends(bridge, ADDRESSES)
        yield Link(bridge, near, far, way, way)
    finally:
        await bridge.communicate(b"")  # the end of its input is its end


async def ends(bridge: Process, addresses: Sequence[str]) -> list[End]:
    """Where its namespaces are, as soon as it says so."""
    assert bridge.stdout is not None
    assert bridge.stderr is not None
    ready = await bridge.stdout.readline()
    if not ready:
        reason = (await bridge.stderr.read()).decode().strip().splitlines()
        raise NamespacesRefusedError(f"no network namespaces here: {reason[-1] if reason else 'no reason given'}")
    user = () if os.geteuid() == 0 else (f"--user=/proc/{bridge.pid}/ns/user", "--preserve-credentials")
    return [
        End(address, ("nsenter", *user, f"--net=/proc/{bridge.pid}/fd/{network}", "--"))
        for address, network in zip(addresses, json.loads(ready), strict=True)
    ]
