"""A narrow link in user space: TCP to one server and UDP between two peers share one queue each way.

Bytes are counted with the headers that they would have on a road: 52 a TCP segment of 1,348 bytes, 28 a datagram. What
finds the queue full waits (TCP) or is lost (UDP), as on a mobile link.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

SEGMENT_BYTES: Final = 1348
TCP_IP_BYTES: Final = 52
UDP_IP_BYTES: Final = 28
READ_BYTES: Final = 4096
_CANDIDATE: Final = re.compile(r"a=candidate:(\S+) 1 udp (\d+) (\S+) (\d+) typ host[^\r\n]*")


@dataclass
class Way:
    """One direction."""

    bytes_per_second: float
    delay_seconds: float
    queue_bytes_max: int
    entered: list[tuple[float, int]] = field(default_factory=list)
    """When how many bytes were handed in: what the sender put on the link."""
    _free_at: float = 0.0

    @property
    def queued_bytes(self) -> float:
        """What stands before the narrow part."""
        return max(0.0, self._free_at - asyncio.get_running_loop().time()) * self.bytes_per_second

    async def room(self) -> None:
        """Wait until the queue takes more."""
        while self.queued_bytes > self.queue_bytes_max:  # noqa: ASYNC110
            await asyncio.sleep((self.queued_bytes - self.queue_bytes_max) / self.bytes_per_second + 0.001)

    def carry(self, wire_bytes: int, arrive: Callable[[], None]) -> None:
        """Call `arrive` when that much has passed."""
        loop = asyncio.get_running_loop()
        self.entered.append((loop.time(), wire_bytes))
        self._free_at = max(self._free_at, loop.time()) + wire_bytes / self.bytes_per_second
        loop.call_at(self._free_at + self.delay_seconds, arrive)

    def worst_excess(self, cap_bytes_per_second: float, window_seconds: float) -> float:
        """By which share the busiest window was above the cap; negative where it was below."""
        worst, first, total = 0, 0, 0
        for at, size in self.entered:
            total += size
            while self.entered[first][0] <= at - window_seconds:
                total -= self.entered[first][1]
                first += 1
            worst = max(worst, total)
        return worst / (cap_bytes_per_second * window_seconds) - 1

    def total(self, since: float = 0.0) -> int:
        """All that was handed in from then on."""
        return sum(size for at, size in self.entered if at >= since)


class Relay:
    """`up` is from whoever connects here to the server, `down` the other way."""

    def __init__(self, up: Way, down: Way) -> None:
        self.up = up
        self.down = down
        self.port = 0
        self._agent_side: asyncio.DatagramTransport
        self._hub_side: asyncio.DatagramTransport
        self._agent_at: tuple[str, int] | None = None
        self._hub_at: tuple[str, int] | None = None

    @contextlib.asynccontextmanager
    async def running(self, server_port: int) -> AsyncIterator[None]:
        """Serve; TCP connections go to `server_port` of this machine."""
        connections: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                await self._connect(reader, writer, server_port)
            except* OSError:
                pass  # one side is gone, and so is the other now
            finally:
                connections.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=READ_BYTES)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in list(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def datagrams(self) -> AsyncIterator[None]:
        """Carry datagrams between the two who were introduced."""
        loop = asyncio.get_running_loop()
        self._agent_side, _agent = await loop.create_datagram_endpoint(
            lambda: _Ear(self._from_agent), local_addr=("0.0.0.0", 0)
        )
        self._hub_side, _hub = await loop.create_datagram_endpoint(
            lambda: _Ear(self._from_hub), local_addr=("0.0.0.0", 0)
        )
        try:
            yield
        finally:
            self._agent_side.close()
            self._hub_side.close()

    def introduce_hub(self, offer_sdp: str) -> str:
        """The offer as the agent shall see it: the hub stands where the relay does."""
        self._hub_at, changed = _moved(offer_sdp, self._agent_side.get_extra_info("sockname")[1])
        return changed

    def introduce_agent(self, answer_sdp: str) -> str:
        """The answer as the hub shall see it."""
        self._agent_at, changed = _moved(answer_sdp, self._hub_side.get_extra_info("sockname")[1])
        return changed

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", port, limit=READ_BYTES)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass(reader, server_writer, self.up))
                tasks.create_task(_pass(server_reader, writer, self.down))
        finally:
            writer.close()
            server_writer.close()

    def _from_agent(self, data: bytes, _at: tuple[str, int]) -> None:
        hub = self._hub_at
        if hub is not None and self.up.queued_bytes <= self.up.queue_bytes_max:
            self.up.carry(len(data) + UDP_IP_BYTES, lambda: self._hub_side.sendto(data, hub))

    def _from_hub(self, data: bytes, _at: tuple[str, int]) -> None:
        agent = self._agent_at
        if agent is not None and self.down.queued_bytes <= self.down.queue_bytes_max:
            self.down.carry(len(data) + UDP_IP_BYTES, lambda: self._agent_side.sendto(data, agent))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
    """Until one side closes."""

    def arrive(data: bytes) -> None:
        if not writer.is_closing():
            writer.write(data)

    while data := await reader.read(READ_BYTES):
        wire_bytes = len(data) + TCP_IP_BYTES * -(-len(data) // SEGMENT_BYTES)
        way.carry(wire_bytes, lambda data=data: arrive(data))  # type: ignore[misc]
        await way.room()
    raise ConnectionResetError


class _Ear(asyncio.DatagramProtocol):
    def __init__(self, hear: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = hear  # type: ignore[method-assign, assignment]


def _moved(sdp: str, port: int) -> tuple[tuple[str, int], str]:
    """Where the first candidate is, and the description with that one alone, at `port` of the same address."""
    candidates = [line for line in sdp.splitlines() if _CANDIDATE.match(line) and ":" not in line.split()[4]]
    first = candidates[0].split()
    true = (first[4], int(first[5]))
    first[5] = str(port)
    kept, lines = False, []
    for line in sdp.splitlines():
        if not line.startswith("a=candidate:"):
            lines.append(line)
        elif not kept:
            kept = True
            lines.append(" ".join(first))
    return true, "\r\n".join(lines) + "\r\n"
