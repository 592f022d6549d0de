"""A connection is made although packets of its handshake are lost, without the second that OpenSSL would wait."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aioice import stun
from aiortc import RTCPeerConnection
from OpenSSL import SSL

from tests.shared.rtc.pairs import drop
from vigie_shared.rtc.connection import accept_answer, answer_video, describe, make_connection, offer_video
from vigie_shared.rtc.sender import PacketSender


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither aioice nor OpenSSL repeats anything within this test."""
    monkeypatch.setattr(stun, "RETRY_RTO", 3600)
    monkeypatch.setattr(SSL.Connection, "DTLSv1_get_timeout", lambda connection: 3600)


@asynccontextmanager
async def connecting(*, media: bool) -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection, asyncio.Event]]:
    """Hub and agent before the answer is taken, and what is set when data or media can flow."""
    hub, agent, flows = make_connection(), make_connection(), asyncio.Event()
    try:
        channel = None if media else hub.createDataChannel("any")
        offer_video(hub)
        sender = PacketSender(await answer_video(agent, await describe(hub)))
        if channel is not None:
            channel.on("open", flows.set)
        else:
            flows = sender.started
        yield hub, agent, flows
    finally:
        await hub.close()
        await agent.close()


class FirstCopies:
    """Loses each datagram of the kind when it first comes."""

    def __init__(self, first: int, last: int, skip: int = 0) -> None:
        self._first, self._last, self._skip = first, last, skip
        self._seen: set[bytes] = set()

    @property
    def lost(self) -> int:
        return len(self._seen)

    def __call__(self, datagram: bytes) -> bool:
        if not self._first <= datagram[0] <= self._last or datagram in self._seen:
            return False
        self._skip -= 1
        if self._skip >= 0:
            return False
        self._seen.add(datagram)
        return True


STUN, DTLS = (0, 3), (20, 22)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("media", [True, False], ids=["media", "data"])
@pytest.mark.parametrize("kind", [STUN, DTLS], ids=["checks", "flights"])
async def test_each_packet_of_the_handshake_may_be_lost_once(kind: tuple[int, int], media: bool) -> None:
    async with connecting(media=media) as (hub, agent, flows):
        answer = await describe(agent)
        losses = [FirstCopies(*kind), FirstCopies(*kind)]
        for connection, loss in zip((hub, agent), losses, strict=True):
            drop(connection, loss)
        await accept_answer(hub, answer)
        async with asyncio.timeout(20):
            await flows.wait()
        assert min(loss.lost for loss in losses) > 0


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("skip", range(4))
async def test_any_one_flight_may_be_lost(skip: int) -> None:
    """The last one too, which OpenSSL's own timer never covers."""
    async with connecting(media=False) as (hub, agent, flows):
        answer = await describe(agent)
        drop(agent, FirstCopies(*DTLS, skip=skip))
        await accept_answer(hub, answer)
        async with asyncio.timeout(20):
            await flows.wait()


def one_in_ten(seed: str) -> Callable[[bytes], bool]:
    dice = random.Random(seed)
    return lambda _datagram: dice.random() < 0.1


@pytest.mark.parametrize("seed", range(4))
async def test_a_tenth_lost_each_way_fails_no_session(seed: int) -> None:
    async with connecting(media=False) as (hub, agent, flows):
        answer = await describe(agent)
        for connection in (hub, agent):
            drop(connection, one_in_ten(f"{seed} {connection is hub}"))
        await accept_answer(hub, answer)
        async with asyncio.timeout(60):
            await flows.wait()


async def test_nothing_stays_in_the_way_once_media_flows() -> None:
    async with connecting(media=False) as (hub, agent, flows):
        await accept_answer(hub, await describe(agent))
        async with asyncio.timeout(20):
            await flows.wait()
        for connection in (hub, agent):
            transport = connection.getTransceivers()[0].receiver.transport.transport
            assert transport._send == transport._connection.send
            assert transport._recv == transport._connection.recv
