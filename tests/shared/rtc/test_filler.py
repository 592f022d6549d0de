"""Packets that nobody misses show what a link carries; what is of no use any more is neither sent nor repeated."""

import asyncio

from tests.shared.rtc.pairs import connected, difference, group
from tests.shared.rtc.test_reassembly import fed, packets
from tests.shared.rtc.test_sender import is_rtp, same
from vigie_shared.rtc.history import History
from vigie_shared.rtc.reassembly import Reassembly


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
    history.add(5, [b"a", b"b"], 1, True)
    history.clear()
    assert history.find(5) is None
    history.add(7, [b"c"], 2, True)
    assert history.find(7) == (b"c", 2, True)
    assert history.find(6) is None


def test_a_whole_keyframe_behind_what_is_missing_is_not_kept_waiting() -> None:
    """A sender that changes to a smaller stream repeats nothing of the larger one."""
    reassembly = Reassembly()
    before, after = packets(group(4)), packets(group(3, first=100_000), first=65_500 + 200)
    kept = [packet for packet in before if packet[1] < 3 * 3600]
    shown = fed(reassembly, kept)
    assert len(shown) == 3
    shown = fed(reassembly, after[:-1], now=0.05)
    assert shown == []
    reassembly.missing(0.2)
    assert fed(reassembly, after[:1], now=0.2) == [], "a repair may still come"
    reassembly.missing(0.4)
    assert not reassembly.waits
    assert same(fed(reassembly, after[-1:], now=0.4), group(3, first=100_000))


def test_half_a_keyframe_is_no_reason_to_give_up_what_may_be_repaired() -> None:
    reassembly = Reassembly()
    fed(reassembly, packets(group(2)))
    half = packets(group(1, first=100_000), first=65_500 + 100)[:-1]
    fed(reassembly, half, now=0.05)
    reassembly.missing(0.5)
    assert reassembly.waits
