"""What waits in the socket of a busy process counts from when it came."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from tests.shared.rtc.pairs import Pair, connected, keyframe
from vigie_shared.rtc import arrivals, datagrams
from vigie_shared.rtc.arrivals import Arrivals
from vigie_shared.rtc.bandwidth import START_BITS_PER_SECOND

pytestmark = pytest.mark.skipif(not hasattr(socket, "SO_INCOMING_CPU"), reason="only Linux says when")


@pytest.fixture(autouse=True)
def kernel_stamps() -> Iterator[None]:
    """The kernel begins a moment after the first socket asks for it; until then it says when a datagram was read."""
    end, came, sent = time.monotonic() + 30, 1.0, 0.0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind(("127.0.0.1", 0))
        asking.setsockopt(socket.SOL_SOCKET, arrivals._SO_TIMESTAMPNS, 1)
        while came > sent + 0.01:
            assert time.monotonic() < end
            asking.sendto(b"?", asking.getsockname())
            sent = time.time()
            pass_time(0.02)
            seconds, nanoseconds = arrivals._STAMP.unpack(asking.recvmsg(1, arrivals._ANCILLARY_BYTES)[1][0][2])
            came = seconds + nanoseconds / 1e9
        yield


@dataclass
class Inbox(asyncio.DatagramProtocol):
    datagrams: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.datagrams.put_nowait(data)


@dataclass
class Ends:
    arrivals: Arrivals
    inbox: Inbox
    transport: asyncio.DatagramTransport
    sending: socket.socket

    def send(self, data: bytes) -> None:
        self.sending.sendto(data, self.transport.get_extra_info("sockname"))


@pytest.fixture
async def ends() -> AsyncIterator[Ends]:
    loop = asyncio.get_running_loop()
    transport, inbox = await loop.create_datagram_endpoint(Inbox, ("127.0.0.1", 0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        yield Ends(Arrivals(transport), inbox, transport, sending)
        transport.close()
        await asyncio.sleep(0)


async def test_a_datagram_came_when_it_was_sent_not_when_it_was_read(ends: Ends) -> None:
    began = time.monotonic()
    ends.send(b"early")
    sent = time.monotonic()
    pass_time(0.1)
    assert ends.arrivals.recvfrom(1 << 16)[0] == b"early"
    assert ends.arrivals.came_at_seconds is not None
    assert began - 0.02 <= ends.arrivals.came_at_seconds <= sent + 0.02


def pass_time(seconds: float) -> None:
    """So much later; no reader runs meanwhile, so a datagram stays where it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def test_datagrams_come_through_as_without_it(ends: Ends) -> None:
    ends.send(b"one")
    ends.send(b"two" * 400)
    async with asyncio.timeout(30):
        assert [await ends.inbox.datagrams.get() for _ in range(2)] == [b"one", b"two" * 400]


async def test_datagrams_that_come_together_are_read_in_one_call_and_handed_on_in_order(ends: Ends) -> None:
    pieces = [bytes((number,)) * 100 for number in range(20)] + [b"short"]
    to = ends.transport.get_extra_info("sockname")
    datagrams._send_segments(ends.sending, memoryview(b"".join(pieces)), 100, to)
    assert ends.arrivals.recvfrom(1 << 16)[0] == pieces[-1]
    assert [ends.inbox.datagrams.get_nowait() for _ in pieces[:-1]] == pieces[:-1]
    ends.send(b"alone")
    assert ends.arrivals.recvfrom(1 << 16)[0] == b"alone"


@pytest.mark.parametrize("hours", [-1, 1])
async def test_setting_the_clock_makes_nothing_late(ends: Ends, hours: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ends.send(b"before")
    wall, steady = time.time() + 3600 * hours, time.monotonic()
    clock = SimpleNamespace(time=lambda: wall, monotonic=lambda: steady)
    monkeypatch.setattr(arrivals, "time", clock)
    ends.arrivals.recvfrom(1 << 16)
    assert ends.arrivals.came_at_seconds is None


@pytest.mark.parametrize("stamped", [True, False])
async def test_who_reads_late_says_nothing_of_the_link(stamped: bool) -> None:
    """Without the kernel's word it would."""
    async with connected() as pair:
        if not stamped:
            pair.receiver._arrivals._came_at = lambda stamp: None  # type: ignore[method-assign]
        await stream(pair, 15)  # how quick the link is becomes known
        await pair.received(15)
        with read_by_hand(pair) as read:
            await stream(pair, 10)
            for _ in range(40):  # from now on a third of a second behind
                await stream(pair, 1)
                read()
        assert (pair.receiver.estimate_bits_per_second == START_BITS_PER_SECOND) is stamped


async def stream(pair: Pair, count: int) -> None:
    for _ in range(count):
        pair.sender.send_frame(keyframe(pair.sender.counts.frames * 3600, 2000))
        await asyncio.sleep(0.03)


@contextmanager
def read_by_hand(pair: Pair) -> Iterator[Callable[[], None]]:
    """What comes to the hub is read only when this is called, a frame at a time."""
    loop = asyncio.get_running_loop()
    transports = [p.transport for p in pair.receiving.receiver.transport.transport._connection._protocols]

    def read() -> None:
        for _ in range(2):  # the parameter sets; and the picture's two packets, which come together
            for transport in transports:
                transport._read_ready()  # type: ignore[attr-defined]

    for transport in transports:
        loop._remove_reader(transport._sock_fd)  # type: ignore[attr-defined]
    yield read
    for transport in transports:
        loop._add_reader(transport._sock_fd, transport._read_ready)  # type: ignore[attr-defined]
