"""DTLS does not wait for ICE: one check that comes shows the way, and the handshake proves it."""

import asyncio
from collections.abc import Callable

import pytest
from aioice import stun
from aioice.ice import ICE_FAILED, Connection
from aiortc import RTCPeerConnection

from tests.shared.rtc.pairs import drop, keyframe
from tests.shared.rtc.test_handshake import FirstCopies, connecting
from vigie_shared.rtc.connection import (
    accept_answer,
    answer_video,
    describe,
    make_connection,
    offer_video,
    round_trip_seconds,
)
from vigie_shared.rtc.receiver import PacketReceiver
from vigie_shared.rtc.sender import PacketSender

RESPONSE = 1
"""The first byte of an answer to a connectivity check."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """aioice repeats nothing within this test."""
    monkeypatch.setattr(stun, "RETRY_RTO", 3600)


def is_response(datagram: bytes) -> bool:
    return datagram[0] == RESPONSE


async def made(
    hub: RTCPeerConnection, agent: RTCPeerConnection, flows: asyncio.Event, *deaf: Callable[[bytes], bool]
) -> None:
    """Until media can flow, where hub and agent do not hear what `deaf` says."""
    answer = await describe(agent)
    for connection, is_lost in zip((hub, agent), deaf, strict=True):
        drop(connection, is_lost)
    await accept_answer(hub, answer)
    async with asyncio.timeout(30):
        await flows.wait()


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "deaf", [(is_response, is_response), (is_response, lambda _: False), (lambda _: False, is_response)],
    ids=["both", "hub", "agent"],
)  # fmt: skip
async def test_a_connection_is_made_although_no_check_is_ever_answered(
    deaf: tuple[Callable[[bytes], bool], Callable[[bytes], bool]],
) -> None:
    async with connecting(media=True) as (hub, agent, flows):
        await made(hub, agent, flows, *deaf)
        for connection in (hub, agent):
            ice = connection.getTransceivers()[0].receiver.transport.transport._connection
            assert ice._check_list_done, "what DTLS proved need not be asked again"
            assert len(ice._nominated) == 1


async def test_nothing_of_it_stays_once_media_flows() -> None:
    async with connecting(media=True) as (hub, agent, flows):
        await made(hub, agent, flows, lambda _: False, lambda _: False)
        ice = agent.getTransceivers()[0].receiver.transport.transport._connection
        own = (Connection.sendto.__get__(ice), Connection.recvfrom.__get__(ice))
        assert (ice.sendto, ice.recvfrom) == own


async def test_the_round_trip_is_known_from_the_handshake() -> None:
    async with connecting(media=True) as (hub, agent, flows):
        assert round_trip_seconds(agent) is None
        await made(hub, agent, flows, lambda _: False, lambda _: False)
        assert round_trip_seconds(agent) is not None


async def test_where_ice_finds_no_way_the_connection_fails_whatever_was_begun() -> None:
    """The peer's checks come through, and nothing else does."""
    failed = asyncio.Event()
    async with connecting(media=True) as (hub, agent, _flows):

        def on_state() -> None:
            if hub.connectionState == "failed":
                failed.set()

        hub.on("connectionstatechange", on_state)
        answer = await describe(agent)
        drop(hub, lambda datagram: datagram[0] != 0)
        await accept_answer(hub, answer)
        ice = hub.getTransceivers()[0].receiver.transport.transport._connection
        async with asyncio.timeout(30):
            while hub.iceConnectionState != "completed":  # noqa: ASYNC110 - begun, with the first check
                await asyncio.sleep(0.01)
        ice._check_list_state.put_nowait(ICE_FAILED)  # what aioice says of itself when its checks have all failed
        async with asyncio.timeout(30):
            await failed.wait()


async def test_pictures_that_overtake_the_last_flight_are_kept() -> None:
    hub, agent = make_connection(), make_connection()
    try:
        came = asyncio.Event()
        receiver = PacketReceiver(offer_video(hub), on_frame=lambda frame: came.set())
        offer = (await describe(hub)).replace("a=setup:actpass", "a=setup:active")  # the agent's flight is the last
        sender = PacketSender(await answer_video(agent, offer))
        answer = await describe(agent)
        last_flight = FirstCopies(20, 20)
        drop(hub, last_flight)
        await accept_answer(hub, answer)
        async with asyncio.timeout(30):
            await sender.started.wait()
            sender.send_frame(keyframe(0))
            await came.wait()
        assert last_flight.lost == 1
        assert receiver.counts.packets_repaired == 0
    finally:
        await hub.close()
        await agent.close()
