"""Islands around a firewall of ours.

    rules = [("tcp", 4222, "10.78.0.1"), ("udp", 3478)]
    async with star(["10.78.0.1"], ["10.78.0.2"], rules=rules) as sea:
        server = await sea.islands[0].start("nats-server", "-a", sea.islands[0].address)

What no rule allows is dropped, as by a firewall that says nothing. Skips the test where namespaces are not allowed.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.links.emulated import REPOSITORY, End, ends

Rule = tuple[Any, ...]
"""A protocol, a port that one of the two must have (None: any), addresses that must be one of the two each."""
ANY: tuple[Rule, ...] = (("tcp", None), ("udp", None))


@dataclass(frozen=True)
class Passed:
    """Packets by `protocol source target`; the largest payload of an RTP packet that was seen going by UDP."""

    passed: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    rtp_payload_bytes_max: int = 0

    def ways(self, protocol: str) -> set[frozenset[str]]:
        """Between which addresses that protocol went."""
        return {frozenset(name.split()[1:]) for name in self.passed if name.startswith(protocol)}


class Star:
    """The islands, and what is between them."""

    def __init__(self, process: Process, islands: list[End]) -> None:
        self.islands = islands
        self._process = process
        self._asking = asyncio.Lock()

    async def passed(self) -> Passed:
        """So far."""
        return await self._ask(None)

    async def allow(self, rules: Sequence[Rule]) -> None:
        """Other rules from now on, and counts from nothing."""
        await self._ask(rules)

    async def move(self, island: End, old: str, new: str) -> None:
        """The island gets another address."""
        six, bits, nodad = (["-6"], 64, ["nodad"]) if ":" in old else ([], 24, [])
        await island.run("ip", "address", "del", f"{old}/{bits}", "dev", "link0")
        await island.run("ip", "address", "add", f"{new}/{bits}", "dev", "link0", *nodad)
        await island.run("ip", *six, "route", "replace", "default", "dev", "link0")
        await self._ask({new: self.islands.index(island)})  # whoever only listens there is found too

    async def _ask(self, change: Sequence[Rule] | dict[str, int] | None) -> Passed:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        async with self._asking:
            self._process.stdin.write(json.dumps(change).encode() + b"\n")
            return Passed(**json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def star(*addresses: Sequence[str], rules: Sequence[Rule] = ANY) -> AsyncIterator[Star]:
    """One island for each list of addresses; the first is its `address`."""
    asked = json.dumps({"islands": addresses, "rules": rules})
    command = [sys.executable, "-m", "tests.links.islands", asked]
    process = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY, stdin=PIPE, stdout=PIPE, stderr=PIPE)
    try:
        yield Star(process, await ends(process, [first for first, *_others in addresses]))
    finally:
        await process.communicate(b"")  # the end of its input is its end
