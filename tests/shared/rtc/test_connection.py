"""Connections ask nobody in public, meet where there is no network, and carry H.264."""

import asyncio
import re

import ifaddr
import pytest
from aiortc import RTCConfiguration, RTCIceCandidate, RTCPeerConnection

from tests.guards.descriptors import open_descriptors
from tests.shared.rtc.pairs import connected, keyframe
from vigie_shared.rtc.connection import (
    accept_answer,
    answer_video,
    describe,
    make_connection,
    offer_video,
    strip_mdns,
)

BROWSER_CANDIDATE = "a=candidate:1 1 udp 2113937151 9b36eaac-bb2e-49bb-bb78.local 51472 typ host generation 0\r\n"


def candidates(sdp: str) -> list[str]:
    return re.findall(r"^a=candidate:.*$", sdp, re.MULTILINE)


async def test_no_server_is_asked_unless_one_is_named() -> None:
    connection = make_connection()
    offer_video(connection)
    assert stun_server(connection) is None
    await connection.close()


def stun_server(connection: RTCPeerConnection) -> tuple[str, int] | None:
    return connection.getTransceivers()[0].receiver.transport.transport._connection.stun_server


async def test_an_offer_that_is_cancelled_leaves_no_socket() -> None:
    for steps in range(8):
        before, connection = open_descriptors(), make_connection()
        offer_video(connection)
        offering = asyncio.create_task(describe(connection))
        for _step in range(steps):
            await asyncio.sleep(0)
        offering.cancel()
        await asyncio.wait([offering])
        await connection.close()
        await asyncio.sleep(0)
        assert not open_descriptors() - before, f"cancelled after {steps} steps"


async def test_aiortc_alone_still_asks_a_public_server() -> None:
    """Else `make_connection` need not say so any more."""
    connection = RTCPeerConnection()
    connection.addTransceiver("video")
    assert stun_server(connection) is not None
    await connection.close()


async def test_loopback_is_offered_only_where_there_is_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    adapter = ifaddr.Adapter("eth0", "eth0", [ifaddr.IP("127.0.0.1", 8, "lo"), ifaddr.IP("127.0.0.2", 8, "eth0")])
    for adapters, offered in (([adapter], "127.0.0.2"), ([], "127.0.0.1")):
        monkeypatch.setattr(ifaddr, "get_adapters", lambda adapters=adapters: adapters)
        connection = make_connection()
        connection.createDataChannel("any")
        assert [line.split()[4] for line in candidates(await describe(connection))] == [offered]
        await connection.close()


def test_local_names_go_and_the_list_of_candidates_stays_open() -> None:
    address = "a=candidate:2 1 udp 2113937150 192.0.2.7 51473 typ host\r\n"
    sdp = f"v=0\r\n{BROWSER_CANDIDATE}{address}a=end-of-candidates\r\na=mid:0\r\n"
    assert strip_mdns(sdp) == f"v=0\r\n{address}a=mid:0\r\n"
    assert strip_mdns(f"v=0\r\n{address}a=end-of-candidates\r\n") == f"v=0\r\n{address}a=end-of-candidates\r\n"


async def test_peers_meet_though_one_names_only_local_names() -> None:
    hub, agent = make_connection(), make_connection()
    channel = hub.createDataChannel("any")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    offer_video(hub)
    offer = await describe(hub)
    hidden = re.sub(r"(a=candidate:\S+ 1 udp \d+) \S+", r"\1 9b36eaac-bb2e-49bb-bb78.local", offer)
    assert hidden != offer
    await answer_video(agent, hidden)
    await agent.addIceCandidate(candidate_named("0d1c2e3f.local"))
    await accept_answer(hub, await describe(agent))
    async with asyncio.timeout(10):
        await opened.wait()
    for connection in (hub, agent):
        await connection.close()


def candidate_named(host: str) -> RTCIceCandidate:
    return RTCIceCandidate(
        component=1, foundation="1", ip=host, port=9, priority=1, protocol="udp", type="host", sdpMid="0"
    )


async def test_an_offer_that_begins_with_vp8_is_answered_with_h264() -> None:
    """As browsers offer; `answer_video` must choose before the offer is applied."""
    browser, hub = RTCPeerConnection(RTCConfiguration(iceServers=[])), make_connection()
    browser.addTransceiver("video", direction="recvonly")
    offer = await describe(browser)
    assert first_codec(offer) == "VP8"
    await answer_video(hub, offer)
    assert set(codecs(await describe(hub))) == {"H264", "rtx"}
    for connection in (browser, hub):
        await connection.close()


async def test_aiortc_alone_still_answers_with_vp8() -> None:
    """Else `answer_video` need not choose any more."""
    browser, hub = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    browser.addTransceiver("video", direction="recvonly")
    await browser.setLocalDescription()
    await hub.setRemoteDescription(browser.localDescription)
    assert first_codec(await describe(hub)) == "VP8"
    for connection in (browser, hub):
        await connection.close()


def codecs(sdp: str) -> list[str]:
    return re.findall(r"^a=rtpmap:\d+ (\w+)/", sdp, re.MULTILINE)


def first_codec(sdp: str) -> str:
    formats = re.search(r"^m=video \d+ \S+ (\d+)", sdp, re.MULTILINE)
    assert formats
    named = re.search(rf"^a=rtpmap:{formats[1]} (\w+)/", sdp, re.MULTILINE)
    assert named
    return named[1]


async def test_video_and_a_data_channel_share_one_connection() -> None:
    async with connected() as pair:
        pair.sender.send_frame(keyframe(0))
        (frame,) = await pair.received(1)
        assert frame.is_keyframe
        assert pair.agent.connectionState == pair.hub.connectionState == "connected"
