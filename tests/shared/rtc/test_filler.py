"""Packets that nobody misses show what a link carries; what is of no use any more is neither sent nor repeated."""

import asyncio

from tests.shared.rtc.pairs import connected, difference, group
from tests.shared.rtc.test_sender import is_rtp, same
from vigie_shared.rtc.history import History, Sent


async def test_filler_is_counted_by_the_peer_and_shows_no_picture_twice() -> None:
    async with connected() as pair:
        frames = group(5)
        for frame in frames:
            pair.sender.send_frame(frame)
        await pair.received(5)
        before = pair.receiver.counts.bytes
        filled = sum(pair.sender.fill(20_000) for _time in range(3))
        assert 60_000 <= filled <= 70_000
        pair.sender.send_frame(difference(200_000))
        received = await pair.received(6)
        assert same(received, [*frames, difference(200_000)])
        assert pair.receiver.counts.bytes - before >= 50_000
        assert pair.sender.counts.packets_repeated == 0, "no repair was asked for"


async def test_there_is_no_filler_without_a_stream_of_its_own_for_repairs_or_before_anything_was_sent() -> None:
    async with connected() as pair:
        assert pair.sender.fill(10_000) == 0
        pair.sender.send_frame(group(1)[0])
        pair.sender._rtx_payload_type = None
        assert pair.sender.fill(10_000) == 0


async def test_what_was_forgotten_is_not_repeated() -> None:
    async with connected() as pair:
        pair.sender.send_frame(group(1)[0])
        await pair.received(1)
        pair.lose(lambda datagram: is_rtp(datagram) and int.from_bytes(datagram[4:8], "big") == 50_000)
        pair.sender.send_frame(difference(50_000))
        pair.sender.forget()
        frames = group(100, first=100_000, size=500)
        for frame in frames:
            pair.sender.send_frame(frame)
            await asyncio.sleep(0.02)
        received = await pair.received(101)
        assert same(received[1:], frames), "the next keyframe stands for what is gone"
        assert pair.sender.counts.packets_repeated == 0


def test_a_history_that_was_cleared_knows_only_what_came_after() -> None:
    history = History(10)
    history.add(Sent(5, [b"a", b"b"], 1, True))
    history.clear()
    assert history.find(5) is None
    history.add(Sent(7, [b"c"], 2, True))
    assert history.find(7) == (b"c", 2, True)
    assert history.find(6) is None
