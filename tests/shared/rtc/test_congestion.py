"""The controller in aiortc's association: real connections on loopback, of which some packets are lost on purpose."""

import asyncio
import hashlib
import inspect
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSctpTransport, RTCSessionDescription
from aiortc.rtcdtlstransport import RTCDtlsTransport
from aiortc.rtcsctptransport import SackChunk

from tests.benchmarks.goodput import flow
from tests.links.emulated import emulated_link
from vigie_shared.rtc import congestion
from vigie_shared.rtc.connection import make_connection

REPLACED = {
    "_receive_sack_chunk": "4b35ccf1372cdec8",
    "_transmit": "aa8941d5f8f020e8",
    "_t3_cancel": "0e0e3e38da292064",
}
RELIED_ON = {
    "_data_channel_flush": "d5f055f33db1abff",
    "_maybe_abandon": "879fcf244b3dfd05",
    "_send": "f0f8aff63a9a8743",
    "_send_chunk": "eb2f909e3c2ff5cc",
    "_set_state": "72015aed4aa46827",
    "_t3_expired": "0e759bf4b1b2d8c8",
    "_t3_restart": "abf85ae57b8fa144",
    "_t3_start": "fa045ec7c5fff3d7",
    "_update_advanced_peer_ack_point": "b10416e34e18a3db",
    "_update_rto": "a1e7afb18886a101",
}


@dataclass
class Side:
    """One end: its connection and what came over each channel."""

    connection: RTCPeerConnection
    messages: dict[str, list[str | bytes]] = field(default_factory=dict)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def listen(self, channel: RTCDataChannel) -> None:
        """Keep what comes."""

        def keep(message: str | bytes) -> None:
            self.messages.setdefault(channel.label, []).append(message)
            self.came.set()

        channel.on("message", keep)

    @property
    def association(self) -> RTCSctpTransport:
        assert self.connection.sctp is not None
        return self.connection.sctp

    async def has(self, label: str, count: int) -> None:
        """Wait for so many messages."""
        async with asyncio.timeout(60):
            while len(self.messages.get(label, [])) < count:
                self.came.clear()
                await self.came.wait()


@dataclass
class Pair:
    """Near sends by our controller, far is as aiortc comes, unless a test says otherwise."""

    near: Side
    far: Side

    @property
    def controller(self) -> congestion.Congestion:
        return congestion.install(self.near.association)


@asynccontextmanager
async def pair(
    *, installs: bool = True, first_tsn: int | None = None, ordered: bool = True, repeats_max: int | None = None
) -> AsyncIterator[tuple[Pair, RTCDataChannel]]:
    near, far = Side(make_connection()), Side(make_connection())
    sending = near.connection.createDataChannel("data", ordered=ordered, maxRetransmits=repeats_max)
    if first_tsn is not None:
        near.association._local_tsn = first_tsn
        near.association._last_sacked_tsn = near.association._advanced_peer_ack_tsn = first_tsn - 1
    near.listen(sending)
    far.connection.on("datachannel", far.listen)
    opened = asyncio.Event()
    sending.on("open", opened.set)
    try:
        await near.connection.setLocalDescription(await near.connection.createOffer())
        if not installs:
            as_aiortc_comes(near.association)
        await far.connection.setRemoteDescription(near.connection.localDescription)
        await far.connection.setLocalDescription(await far.connection.createAnswer())
        as_aiortc_comes(far.association)
        answer = far.connection.localDescription
        await near.connection.setRemoteDescription(RTCSessionDescription(answer.sdp, answer.type))
        async with asyncio.timeout(20):
            await opened.wait()
        yield Pair(near, far), sending
    finally:
        await near.connection.close()
        await far.connection.close()


def as_aiortc_comes(association: RTCSctpTransport) -> None:
    """Take back what `make_connection` installed, before anything was sent."""
    assert isinstance(getattr(association._transmit, "__self__", None), congestion.Congestion)
    for name in REPLACED:
        delattr(association, name)


def lose(side: Side, share: float, seed: int) -> None:
    """From now on that share of what this side's association sends is lost."""
    dtls: RTCDtlsTransport = side.association.transport
    send, lots = dtls._send_data, random.Random(seed)

    async def send_or_lose(data: bytes) -> None:
        if lots.random() >= share:
            await send(data)

    setattr(dtls, "_send_data", send_or_lose)  # noqa: B010


def messages(count: int, seed: int, largest: int = 16_384) -> list[bytes]:
    lots = random.Random(seed)
    return [lots.randbytes(lots.randint(1, largest)) for _ in range(count)]


async def settled(controller: congestion.Congestion) -> None:
    """Wait until everything is acknowledged."""
    async with asyncio.timeout(30):
        while controller.window.in_flight_bytes or controller._chunks:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.2])
async def test_every_byte_arrives_in_order(loss: float) -> None:
    sent = messages(60 if loss > 0.1 else 120, seed=1)
    async with pair() as (ends, channel):
        lose(ends.near, loss, seed=2)
        lose(ends.far, loss, seed=3)
        for message in sent:
            channel.send(message)
        await ends.far.has("data", len(sent))
        assert ends.far.messages["data"] == sent
        await settled(ends.controller)
        assert not ends.near.association._sent_queue
        assert channel.bufferedAmount == 0


async def test_both_ends_may_use_it_at_once() -> None:
    forth, back = messages(60, seed=4), messages(60, seed=5)
    async with pair() as (ends, channel):
        congestion.install(ends.far.association)
        lose(ends.near, 0.03, seed=6)
        lose(ends.far, 0.03, seed=7)
        channel.send("begin")
        await ends.far.has("data", 1)
        answering = next(iter(ends.far.association._data_channels.values()))
        for ours, theirs in zip(forth, back, strict=True):
            channel.send(ours)
            answering.send(theirs)
        await ends.far.has("data", 1 + len(forth))
        await ends.near.has("data", len(back))
        assert ends.far.messages["data"] == ["begin", *forth]
        assert ends.near.messages["data"] == back


async def test_small_messages_leave_without_recursion() -> None:
    async with pair() as (ends, channel):
        for number in range(3000):
            channel.send(str(number))
        await ends.far.has("data", 3000)
        assert ends.far.messages["data"] == [str(number) for number in range(3000)]


async def test_a_lone_message_that_is_lost_comes_again_by_itself() -> None:
    async with pair() as (ends, channel):
        channel.send("first")
        await ends.far.has("data", 1)
        dtls = ends.near.association.transport
        send, losses = dtls._send_data, [True]

        async def lose_once(data: bytes) -> None:
            if losses:
                losses.pop()
            else:
                await send(data)

        setattr(dtls, "_send_data", lose_once)  # noqa: B010
        channel.send("second")
        await ends.far.has("data", 2)
        assert not losses


async def test_it_can_take_over_a_flow() -> None:
    sent = messages(80, seed=8)
    async with pair(installs=False) as (ends, channel):
        association = ends.near.association
        lose(ends.near, 0.05, seed=9)
        for message in sent:
            channel.send(message)
        await ends.far.has("data", 5)
        assert association._sent_queue
        controller = congestion.install(association)
        assert congestion.install(association) is controller
        await ends.far.has("data", len(sent))
        assert ends.far.messages["data"] == sent


async def test_messages_with_a_limit_are_given_up_and_hold_nothing_up() -> None:
    async with pair(ordered=False, repeats_max=0) as (ends, channel):
        reliable = ends.near.connection.createDataChannel("reliable")
        opened = asyncio.Event()
        reliable.on("open", opened.set)
        await opened.wait()
        lose(ends.near, 0.1, seed=10)
        lose(ends.far, 0.1, seed=11)
        for number in range(200):
            channel.send(f"{number} " + "x" * 3000)
        for number in range(20):
            reliable.send(str(number))
        await ends.far.has("reliable", 20)
        await settled(ends.controller)
        came = ends.far.messages["data"]
        assert 50 < len(came) < 200
        assert len(set(came)) == len(came)
        association = ends.near.association
        async with asyncio.timeout(30):
            while association._advanced_peer_ack_tsn != association._last_sacked_tsn:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_an_acknowledgement_of_what_was_never_sent_is_ignored() -> None:
    async with pair() as (ends, channel):
        association = ends.near.association
        chunk = SackChunk()
        chunk.cumulative_tsn = (association._local_tsn + 1000) % 2**32
        chunk.advertised_rwnd = 1
        chunk.gaps = [(1, 65_535)] * 50
        await association._receive_sack_chunk(chunk)
        sent = messages(20, seed=12)
        for message in sent:
            channel.send(message)
        await ends.far.has("data", len(sent))
        assert ends.far.messages["data"] == sent


async def test_numbers_may_wrap_around() -> None:
    sent = messages(40, seed=13)
    async with pair(first_tsn=2**32 - 20) as (ends, channel):
        lose(ends.near, 0.05, seed=14)
        for message in sent:
            channel.send(message)
        await ends.far.has("data", len(sent))
        assert ends.far.messages["data"] == sent
        assert ends.near.association._local_tsn < 2**20


async def test_closing_leaves_no_timer() -> None:
    async with pair() as (ends, channel):
        lose(ends.far, 1.0, seed=15)
        for message in messages(30, seed=16):
            channel.send(message)
        await asyncio.sleep(0)
        controller = ends.controller
    assert controller._timer is None
    assert not controller._ticks


async def test_it_moves_much_more_than_aiortc_alone_over_a_lossy_link() -> None:
    moved = {}
    for kind in ("stock", "ours"):
        async with emulated_link(10e6, 0.1, loss=0.02) as link:
            moved[kind] = (await flow(link, kind, 2.5)).mbit_per_s
    assert moved["ours"] > 3 * moved["stock"]


def digest(name: str) -> str:
    return hashlib.sha256(inspect.getsource(getattr(RTCSctpTransport, name)).encode()).hexdigest()[:16]


def test_aiortc_is_as_it_was_when_this_was_written() -> None:
    """When this fails, read the new version of the method beside `congestion.py` before the digest is changed."""
    known = REPLACED | RELIED_ON
    assert {name: digest(name) for name in known} == known


def test_nothing_else_in_aiortc_moves_the_window() -> None:
    """Only what is replaced, and what only that calls, knows of them."""
    private = {"_cwnd", "_ssthresh", "_fast_recovery_exit", "_fast_recovery_transmit", "_t3_start", "_t3_restart"}
    methods = dict(inspect.getmembers(RTCSctpTransport, inspect.isfunction))
    knows = {name for name, method in methods.items() if private & set(method.__code__.co_names)}
    stores_the_peers_window = "_receive_chunk"
    assert knows == {"__init__", "_receive_sack_chunk", "_t3_expired", "_transmit", stores_the_peers_window}
