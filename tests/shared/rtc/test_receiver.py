"""Frames are handed on at once and never decoded; what is missing is asked for."""

import asyncio
import threading

from aiortc.rtp import RTCP_RTPFB, is_rtcp

from tests.shared.rtc.pairs import connected, difference, group, keyframe
from tests.shared.rtc.test_sender import is_rtp, same


async def test_nothing_is_decoded() -> None:
    before = set(threading.enumerate())
    async with connected() as pair:
        pair.sender.send_frame(keyframe(0))
        await pair.received(1)
        started = {thread.name for thread in set(threading.enumerate()) - before}
    assert not any("decoder" in name for name in started)


async def test_a_frame_needs_no_successor_to_be_handed_on() -> None:
    async with connected() as pair:
        for count, frame in enumerate(group(5), 1):
            pair.sender.send_frame(frame)
            received = await pair.received(count)
            assert received[-1].timestamp == frame.timestamp


async def test_a_request_that_is_lost_is_made_again() -> None:
    """aiortc asks once; were the answer or the question lost, the picture would stay torn."""
    async with connected() as pair:
        lost = {"packets": 3, "repairs": 3}

        def loses(datagram: bytes) -> bool:
            if not is_rtp(datagram):
                return False
            kind = "repairs" if datagram[1] & 0x7F == pair.sender._rtx_payload_type else "packets"
            lost[kind] -= 1
            return lost[kind] in (0, 1)

        pair.lose(loses)
        for frame in group(10):
            pair.sender.send_frame(frame)
        assert same((await pair.received(10))[:10], group(10))
        assert pair.receiver.counts.nacks > 1
        assert pair.receiver.counts.keyframes_asked == 0


async def test_a_keyframe_is_asked_for_when_a_loss_cannot_be_repaired() -> None:
    async with connected() as pair:
        for frame in group(2):
            pair.sender.send_frame(frame)
        await pair.received(2)
        wanted = asyncio.Event()
        pair.sender.on_keyframe_wanted = wanted.set
        pair.lose(lambda datagram: is_rtp(datagram) and pair.sender.counts.frames == 3)
        pair.sender.send_frame(difference(7200))
        await settled(pair.hub)
        pair.sender._history.__init__()  # type: ignore[misc]  # forget it, as if it were too old
        pair.sender.send_frame(difference(10_800))
        async with asyncio.timeout(10):
            await wanted.wait()
        again = group(3, first=20_000)
        for frame in again:
            pair.sender.send_frame(frame)
        assert same((await pair.received(5))[2:], again)
        assert pair.receiver.frames_lost > 0


async def settled(connection: object) -> None:
    """Let what was sent over loopback be read."""
    for _ in range(20):
        await asyncio.sleep(0.001)


async def test_who_joins_without_a_keyframe_asks_for_one() -> None:
    async with connected() as pair:
        wanted = asyncio.Event()
        pair.sender.on_keyframe_wanted = wanted.set
        pair.sender.send_frame(difference(0))
        async with asyncio.timeout(10):
            await wanted.wait()
        pair.sender.send_frame(keyframe(3600))
        (frame,) = await pair.received(1)
        assert frame.timestamp == 3600


async def test_one_request_names_all_that_is_missing() -> None:
    async with connected() as pair:
        asked: list[bytes] = []
        write = pair.receiver._writer.write_rtcp
        pair.receiver._writer.write_rtcp = lambda packet: (asked.append(packet), write(packet))[1]  # type: ignore[method-assign, func-returns-value]
        dropped = iter([False, False, True, True, True] + [False] * 500)
        pair.lose(lambda datagram: is_rtp(datagram) and next(dropped))
        for frame in group(3):
            pair.sender.send_frame(frame)
        await pair.received(3)
        nacks = [packet for packet in asked if is_rtcp(packet) and packet[1] == RTCP_RTPFB]
        assert nacks
        assert len(nacks) <= 3


async def test_the_end_is_told_once() -> None:
    async with connected() as pair:
        ends: list[str] = []
        ended = asyncio.Event()
        pair.receiver.on_ended = lambda: (ends.append("ended"), ended.set())[0]  # type: ignore[func-returns-value]
        pair.sender.send_frame(keyframe(0))
        await pair.received(1)
        await pair.agent.close()
        await pair.hub.close()
        assert ends == ["ended"]


async def test_the_peer_hears_what_the_link_seems_to_carry_as_soon_as_it_has_begun() -> None:
    """Without waiting for the first report: until then it holds back what it began with."""
    async with connected() as pair:
        assert pair.receiver._report_timer is not None
        pair.receiver._report_timer.cancel()
        heard = asyncio.Event()
        pair.sender.on_estimate = lambda _bits: heard.set()
        pair.sender.send_frame(keyframe(0, 60_000))
        async with asyncio.timeout(30):
            await heard.wait()
