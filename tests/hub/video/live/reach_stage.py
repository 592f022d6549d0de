"""A TURN server, and trios of a hub with its nats-server, an agent and a viewer, each on an island of its own."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks._bus import bus
from tests.hub.ui.browser.film import film
from tests.links.emulated import REPOSITORY, End
from tests.links.star import Rule, Star, star
from tests.servers.turn_server import SECRET, TurnServer, turn_server

TURN = "10.78.0.1"
COMPANY = "tests.hub.video.live.reach_company"
SECONDS = 240.0
BUS_PORT = 4222


@dataclass
class Part:
    """One process, and what it says."""

    said: list[dict[str, Any]] = field(default_factory=list)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, line: dict[str, Any]) -> None:
        """It said that."""
        self.said.append(line)
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
        os.kill((await self.says("pid"))["pid"], signal.SIGKILL)


class Company:
    """Who begins parts; all of them end with it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._parts: list[Part] = []

    def begin(self, end: End, role: str, urls: Sequence[str], asked: dict[str, Any]) -> Part:
        """One more, at that end."""
        assert self._process.stdin is not None
        part = Part()
        spaces = [
            path for kind, _is, path in (word.partition("=") for word in end.enter) if kind in ("--user", "--net")
        ]
        self._process.stdin.write(json.dumps([len(self._parts), spaces, role, urls, asked]).encode() + b"\n")
        self._parts.append(part)
        return part

    async def read(self) -> None:
        """Until all have ended."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            if line.startswith(b'{"who"'):
                said = json.loads(line)
                self._parts[said.pop("who")].hear(said)


@asynccontextmanager
async def company() -> AsyncIterator[Company]:
    """It runs until the block ends."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", COMPANY, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE
    )
    one = Company(process)
    reading = asyncio.create_task(one.read())
    try:
        yield one
    finally:
        process.kill()
        await process.wait()
        await reading


@dataclass(frozen=True)
class Trio:
    """Where hub, agent and viewer are."""

    hub: str
    agent: str
    viewer: str

    @property
    def all(self) -> tuple[str, str, str]:
        """All three."""
        return self.hub, self.agent, self.viewer


class Stage:
    """One trio on it."""

    def __init__(
        self, company: Company, islands: Sequence[End], hub_url: str, urls: Sequence[str], folder: Path
    ) -> None:
        """The islands of a trio; nats-server as the hub and as the others reach it."""
        self.folder = folder
        self.turn: TurnServer | None = None
        self._company, self._hub_url, self._urls = company, hub_url, urls
        self.hub, self.agent, self.viewer = islands

    def begin_hub(self, roads: Iterable[str] = ()) -> Part:
        """With those roads to the TURN server."""
        return self._company.begin(self.hub, "hub", [self._hub_url], self._asked(roads))

    def begin_pull(self, roads: Iterable[str] = ()) -> Part:
        """The hub's pull of a clip."""
        return self._company.begin(self.hub, "puller", [self._hub_url], self._asked(roads))

    def _asked(self, roads: Iterable[str]) -> dict[str, Any]:
        urls = [] if self.turn is None else [self.turn.url(road) for road in roads]
        authority = None if self.turn is None else self.turn.authority
        return {"folder": str(self.folder), "urls": urls, "secret": SECRET, "authority": authority}

    async def begin_all(self, roads: Iterable[str] = ()) -> tuple[Part, Part, Part]:
        """Hub, agent and viewer."""
        clip = self.folder / "film.mp4"
        if not clip.exists():
            self.folder.mkdir(exist_ok=True)
            clip.write_bytes(await asyncio.to_thread(film, 4))
        agent = self._company.begin(self.agent, "agent", self._urls, {"film": str(clip)})
        return self.begin_hub(roads), agent, self._company.begin(self.viewer, "viewer", self._urls, {})


@asynccontextmanager
async def staged(
    folder: Path, trios: Sequence[Trio], rules: Sequence[Rule], moved: dict[str, str]
) -> AsyncIterator[tuple[Star, TurnServer, list[Stage]]]:
    """All trios in one sea, with one TURN server; the rules hold from the beginning. `moved`: where hubs will be."""
    async with AsyncExitStack() as stack:
        addresses = [TURN, *(address for trio in trios for address in trio.all)]
        sea = await stack.enter_async_context(star(*([address] for address in addresses), rules=rules))
        first = sea.islands[0]
        turn = await stack.enter_async_context(turn_server(folder, first.address, enter=first.command))
        trios_at = [sea.islands[at : at + 3] for at in range(1, len(sea.islands), 3)]
        buses = [await stack.enter_async_context(bus(hub, "0.0.0.0")) for hub, _agent, _viewer in trios_at]
        all_of_them = await stack.enter_async_context(company())
        stages = []
        for number, (trio, islands, url) in enumerate(zip(trios, trios_at, buses, strict=True)):
            urls = [url, *([f"nats://{moved[trio.hub]}:{BUS_PORT}"] if trio.hub in moved else [])]
            here = f"nats://127.0.0.1:{BUS_PORT}"
            stages.append(Stage(all_of_them, islands, here, urls, folder / str(number)))
            stages[-1].turn = turn
        yield sea, turn, stages


@asynccontextmanager
async def staged_here(folder: Path, nats_url: str) -> AsyncIterator[Stage]:
    """One on this machine, without a TURN server and without firewalls."""
    async with company() as one:
        yield Stage(one, [End("127.0.0.1", ())] * 3, nats_url, [nats_url], folder)
