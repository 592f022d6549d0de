"""A TURN server, a hub with its nats-server, an agent and a viewer, each on an island of its own."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks._bus import bus
from tests.hub.ui.browser.film import film
from tests.links.emulated import End
from tests.links.star import ANY, Rule, Star, star
from tests.servers.turn_server import SECRET, TurnServer, turn_server

TURN, HUB, AGENT, VIEWER = "10.78.0.1", "10.78.0.2", "10.78.0.3", "10.78.0.4"
NATS = ("tcp", 4222, HUB)
ENDS = "tests.hub.video.live.reach_ends"
SECONDS = 120.0


@dataclass
class Part:
    """One process, and what it says."""

    process: Process
    said: list[dict[str, Any]] = field(default_factory=list)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> None:
        """Until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            if line.startswith(b"{"):
                self.said.append(json.loads(line))
                self._stirred.set()

    async def says(self, name: str, *, over: float = 0) -> dict[str, Any]:
        """The first line with that name whose value is larger."""
        try:
            async with asyncio.timeout(SECONDS):
                while True:
                    for line in self.said:
                        if name in line and line[name] > over:
                            return line
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError as error:
            raise AssertionError(f"no {name} above {over} in {self.said[-5:]}") from error

    @property
    def frames(self) -> int:
        """Seen so far."""
        return max((line.get("frames", 0) for line in self.said), default=0)

    async def falls_to(self, name: str, value: float) -> None:
        """Wait until the newest line with that name says so."""
        async with asyncio.timeout(SECONDS):
            while next((line[name] for line in reversed(self.said) if name in line), None) != value:
                self._stirred.clear()
                await self._stirred.wait()

    async def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        await self.process.wait()


class Stage:
    """What is on it."""

    def __init__(self, islands: Sequence[End], url: str, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.turn: TurnServer | None = None
        self.sea: Star
        self._islands, self._url, self._stack = islands, url, stack

    async def begin(self, role: str, **asked: Any) -> Part:
        """Start one; it ends with the stage."""
        island = self.island(role)
        process = await island.start(sys.executable, "-m", ENDS, role, self._url, json.dumps(asked), stdout=PIPE)
        part = Part(process)
        reading = asyncio.create_task(part.read())
        self._stack.push_async_callback(_end, process, reading)
        return part

    async def begin_hub(self, roads: Sequence[str] = ()) -> Part:
        """With those roads to the TURN server."""
        urls = [] if self.turn is None else [self.turn.url(road) for road in roads]
        authority = None if self.turn is None else self.turn.authority
        return await self.begin("hub", folder=str(self.folder), urls=urls, secret=SECRET, authority=authority)

    async def begin_all(self, roads: Sequence[str] = ()) -> tuple[Part, Part, Part]:
        """Hub, agent and viewer."""
        clip = self.folder / "film.mp4"
        if not clip.exists():
            clip.write_bytes(await asyncio.to_thread(film, 4))
        return await self.begin_hub(roads), await self.begin("agent", film=str(clip)), await self.begin("viewer")

    def island(self, role: str) -> End:
        """Where it is."""
        return self._islands[{"turn": 0, "hub": 1, "agent": 2, "viewer": 3}[role]]


async def _end(process: Process, reading: asyncio.Task[None]) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()
    await reading


@asynccontextmanager
async def staged(
    folder: Path,
    rules: Sequence[Rule] = ANY,
    *,
    addresses: Sequence[str] = (TURN, HUB, AGENT, VIEWER),
    with_turn: bool = True,
) -> AsyncIterator[Stage]:
    """The rules hold from the beginning."""
    async with AsyncExitStack() as stack:
        sea = await stack.enter_async_context(star(*([address] for address in addresses), rules=rules))
        island = sea.islands[0]
        turn = None
        if with_turn:
            turn = await stack.enter_async_context(turn_server(folder, island.address, enter=island.command))
        url = await stack.enter_async_context(bus(sea.islands[1]))
        stage = Stage(sea.islands, url, folder, stack)
        stage.sea, stage.turn = sea, turn
        yield stage


@asynccontextmanager
async def staged_here(folder: Path, nats_url: str) -> AsyncIterator[Stage]:
    """The same on this machine, without a TURN server and without firewalls."""
    async with AsyncExitStack() as stack:
        yield Stage([End("127.0.0.1", ())] * 4, nats_url, folder, stack)
