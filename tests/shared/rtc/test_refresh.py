"""A full intra request reaches the stream that it names, whatever its header says, and once."""

import asyncio
import struct

import pytest
from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtp import RTCP_PSFB_FIR, RtcpPsfbPacket

from tests.shared.rtc.pairs import Pair, connected
from vigie_shared.rtc.refresh import RefreshCommands, hand_to_named

OURS, OTHER, PEER = 0x1111, 0x2222, 0x9999


def fir(*entries: tuple[int, int], media_ssrc: int = 0, ssrc: int = PEER) -> RtcpPsfbPacket:
    """Each entry is a stream and the command's number."""
    body = b"".join(struct.pack("!IB3x", *entry) for entry in entries)
    return RtcpPsfbPacket(fmt=RTCP_PSFB_FIR, ssrc=ssrc, media_ssrc=media_ssrc, fci=body)


@pytest.mark.parametrize("media_ssrc", [0, OTHER, OURS])
def test_the_body_says_which_stream_is_meant(media_ssrc: int) -> None:
    assert RefreshCommands(OURS).feed(fir((OTHER, 3), (OURS, 7), media_ssrc=media_ssrc))
    assert not RefreshCommands(OURS).feed(fir((OTHER, 7), media_ssrc=media_ssrc))


def test_a_command_is_obeyed_once_however_often_it_is_repeated() -> None:
    commands = RefreshCommands(OURS)
    assert [commands.feed(fir((OURS, number))) for number in (255, 255, 0, 0, 1)] == [True, False, True, False, True]
    assert commands.feed(fir((OURS, 1), ssrc=PEER + 1)), "each peer counts for itself"


def test_a_command_without_a_body_means_the_stream_in_its_header() -> None:
    assert RefreshCommands(OURS).feed(fir(media_ssrc=OURS))
    assert not RefreshCommands(OURS).feed(fir(media_ssrc=OTHER))


@pytest.mark.parametrize("length", [1, 7, 9, 15])
def test_what_is_cut_short_names_nobody_and_breaks_nothing(length: int) -> None:
    packet = fir((OTHER, 1), (OURS, 1))
    packet.fci = packet.fci[:length]
    assert not RefreshCommands(OURS).feed(packet)


async def test_aiortc_still_hands_it_to_whom_the_header_names() -> None:
    """Where this fails, `hand_to_named` can go."""
    async with connected() as pair:
        router = RtpRouter()
        router.register_sender(pair.sending.sender, OURS)
        assert router.route_rtcp(fir((OURS, 1))) == set()
        for _ in range(2):
            hand_to_named(router)
        assert router.route_rtcp(fir((OURS, 1))) == {pair.sending.sender}
        assert router.route_rtcp(fir((OURS, 1), media_ssrc=OTHER)) == {pair.sending.sender}
        assert router.route_rtcp(fir((OTHER, 1))) == set()


async def test_over_the_wire_one_keyframe_is_made_for_each_command_that_names_the_stream() -> None:
    async with connected() as pair:
        ours = pair.sender._ssrc
        wanted = asyncio.Semaphore(0)
        pair.sender.on_keyframe_wanted = wanted.release
        for packet in (fir((OTHER, 9), media_ssrc=ours), fir((ours, 1)), fir((ours, 1)), fir((ours, 2))):
            ask(pair, packet)
        async with asyncio.timeout(30):
            await wanted.acquire()
            await wanted.acquire()
        assert wanted.locked(), "the first names another stream, the third repeats the second"


def ask(pair: Pair, packet: RtcpPsfbPacket) -> None:
    """From the hub's end."""
    pair.receiver._writer.write_rtcp(bytes(packet))
