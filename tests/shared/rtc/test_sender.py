"""Frames reach the peer although packets are lost; what the peer asks and reports reaches whoever makes the frames."""

import asyncio
from collections.abc import Callable, Coroutine

from aiortc.rtp import RTCP_RTPFB_NACK, RtcpRtpfbPacket, is_rtcp

from tests.shared.rtc.pairs import Pair, connected, difference, group, keyframe
from vigie_shared.rtc.connection import accept_answer, answer_video, describe, make_connection, offer_video
from vigie_shared.rtc.h264 import EncodedFrame, nal_units, packetize
from vigie_shared.rtc.history import HISTORY_PACKETS
from vigie_shared.rtc.pacer import Pacer
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver
from vigie_shared.rtc.sender import PacketSender


def is_rtp(datagram: bytes) -> bool:
    return 127 < datagram[0] < 192 and not is_rtcp(datagram)


def kind(datagram: bytes) -> int:
    """The payload type of an RTP packet."""
    return datagram[1] & 0x7F


class EveryNth:
    """Loses each nth RTP packet, retransmissions included."""

    def __init__(self, nth: int) -> None:
        self._nth, self._seen = nth, 0
        self.kinds: set[int] = set()

    def __call__(self, datagram: bytes) -> bool:
        if not is_rtp(datagram):
            return False
        self._seen += 1
        self.kinds.add(kind(datagram))
        return self._seen % self._nth == 0


def same(received: list[ReceivedFrame], frames: list[EncodedFrame]) -> bool:
    return [list(nal_units(frame.data)) for frame in received] == [list(nal_units(frame.data)) for frame in frames]


async def send_all(pair: Pair, frames: list[EncodedFrame]) -> None:
    for frame in frames:
        pair.sender.send_frame(frame)
        await asyncio.sleep(0)


async def test_every_frame_arrives_as_it_was_given_although_each_seventh_packet_is_lost() -> None:
    async with connected() as pair:
        loses = EveryNth(7)
        pair.lose(loses)
        frames = group(40)
        await send_all(pair, [*frames, difference(200_000)])
        received = await pair.received(40)
        assert same(received[:40], frames)
        assert [frame.timestamp for frame in received[:40]] == [frame.timestamp for frame in frames]
        assert pair.sender.counts.packets_repeated >= pair.receiver.counts.packets_repaired > 20
        assert len(loses.kinds) == 2, "repairs come as a stream of their own (RTX), as negotiated"


async def test_packets_are_repeated_under_their_own_number_where_rtx_was_not_negotiated() -> None:
    async with connected() as pair:
        pair.sender._rtx_payload_type = None
        loses = EveryNth(7)
        pair.lose(loses)
        frames = group(10)
        await send_all(pair, [*frames, difference(200_000)])
        assert same((await pair.received(10))[:10], frames)
        assert pair.sender.counts.packets_repeated > 0
        assert len(loses.kinds) == 1


async def test_the_first_packets_of_all_are_repaired_too() -> None:
    async with connected() as pair:
        left = [1, 1, 1]
        pair.lose(lambda datagram: is_rtp(datagram) and bool(left) and bool(left.pop()))
        await send_all(pair, group(3))
        assert same(await pair.received(3), group(3))
        assert pair.receiver.counts.keyframes_asked == 0


async def test_a_packet_is_repeated_long_after_it_left() -> None:
    """aiortc keeps 128: at 4 Mbit/s a third of a second."""
    async with connected() as pair:
        repeated: list[int] = []
        pair.lose(lambda datagram: is_rtp(datagram) and not repeated.append(kind(datagram)))  # type: ignore[func-returns-value]
        first = pair.sender._sequence
        while pair.sender.counts.packets < HISTORY_PACKETS:
            pair.sender.send_frame(keyframe(0))
        await pair.sender._on_rtcp(nack(first))
        assert pair.sender.counts.packets_repeated == 1


def nack(*sequences: int) -> RtcpRtpfbPacket:
    return RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=2, lost=list(sequences))


async def test_a_wish_for_a_keyframe_reaches_whoever_makes_them() -> None:
    async with connected() as pair:
        wanted = called(lambda callback: setattr(pair.sender, "on_keyframe_wanted", callback))
        pair.sender.send_frame(keyframe(0))
        await pair.received(1)
        pair.receiver.request_keyframe()
        async with asyncio.timeout(30):
            await wanted.wait()


def called(install: Callable[[Callable[..., None]], None]) -> asyncio.Event:
    event = asyncio.Event()
    install(lambda *arguments: event.set())
    return event


async def test_the_peers_estimate_and_reports_arrive_and_pace() -> None:
    async with connected() as pair:
        estimates: asyncio.Queue[int] = asyncio.Queue()
        reports: asyncio.Queue[tuple[float, float | None, float]] = asyncio.Queue()
        pair.sender.on_estimate = estimates.put_nowait
        pair.sender.on_report = lambda *report: reports.put_nowait(report)
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(endless(pair))
            assert await estimates.get() == pair.receiver.estimate_bits_per_second
            assert pair.sender.pacer.wait_seconds() is None
            while (report := await reports.get())[1] is None:
                pass
            stream.cancel()
        lost, rtt_seconds, jitter_seconds = report
        assert lost == 0.0
        assert rtt_seconds is not None
        assert 0 <= rtt_seconds < 5
        assert jitter_seconds >= 0


async def test_a_stream_that_pauses_still_reports() -> None:
    """While it runs, reports leave with a frame."""
    async with connected() as pair:
        pair.sender.send_frame(keyframe(0, 2000))
        reported = called(lambda callback: setattr(pair.receiver._receiver, "_handle_rtcp_packet", heard(callback)))
        async with asyncio.timeout(30):
            await reported.wait()


def heard(call: Callable[..., None]) -> Callable[..., Coroutine[None, None, None]]:
    async def handle(*arguments: object) -> None:
        call()

    return handle


async def endless(pair: Pair) -> None:
    number = 0
    while True:
        pair.sender.send_frame(keyframe(number * 3600, 2000))
        number += 1
        await asyncio.sleep(0.02)


async def test_loss_is_reported_though_it_was_repaired() -> None:
    async with connected() as pair:
        reports: asyncio.Queue[float] = asyncio.Queue()
        pair.sender.on_report = lambda lost, rtt_seconds, jitter_seconds: reports.put_nowait(lost)
        pair.lose(EveryNth(5))
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            stream = tasks.create_task(endless(pair))
            while not 0.05 < await reports.get() < 0.5:
                pass
            stream.cancel()


async def test_a_paced_frame_arrives_whole() -> None:
    pacer = Pacer(2_000_000)
    async with connected(pacer) as pair:
        await send_all(pair, group(4))
        assert pair.sender.queue_seconds > 0
        assert same(await pair.received(4), group(4))
        assert pair.sender.queue_seconds == 0


async def test_one_list_of_payloads_serves_many_viewers() -> None:
    async with connected() as one, connected() as other:
        for frame in group(5):
            payloads = packetize(frame.data)
            for pair in (one, other):
                pair.sender.send_packets(payloads, frame.timestamp, is_keyframe=frame.is_keyframe)
        assert same(await one.received(5), group(5))
        assert same(await other.received(5), group(5))


async def test_the_peer_is_told_the_end() -> None:
    async with connected() as pair:
        ended = asyncio.Event()
        pair.receiver.on_ended = ended.set
        pair.sender.send_frame(keyframe(0))
        await pair.received(1)
        await pair.agent.close()
        async with asyncio.timeout(30):
            await ended.wait()
        pair.sender.send_frame(keyframe(1))
        assert pair.sender.counts.frames == 1


async def test_a_sender_without_a_connection_sends_nothing_and_leaves_nothing() -> None:
    connection = make_connection()
    sender = PacketSender(offer_video(connection, "sendonly"))
    sender.send_frame(keyframe(0))
    assert sender.counts.packets == 0
    await connection.close()


async def test_frames_between_relay_and_viewer_need_no_decoder() -> None:
    """Agent → hub → viewer: what the hub receives leaves as it came."""
    async with connected() as inbound:
        hub, viewer = make_connection(), make_connection()
        receiver = PacketReceiver(offer_video(viewer))
        frames: list[ReceivedFrame] = []
        done = asyncio.Event()
        receiver.on_frame = lambda frame: (frames.append(frame), len(frames) == 6 and done.set())[0]  # type: ignore[func-returns-value]
        sender = PacketSender(await answer_video(hub, await describe(viewer)))
        await accept_answer(viewer, await describe(hub))
        await sender.started.wait()
        await receiver.started.wait()
        inbound.receiver.on_frame = lambda frame: sender.send_packets(
            frame.payloads, frame.timestamp, is_keyframe=frame.is_keyframe
        )
        await send_all(inbound, group(6))
        async with asyncio.timeout(30):
            await done.wait()
        assert same(frames, group(6))
        await hub.close()
        await viewer.close()


async def test_what_is_held_leaves_once_it_may() -> None:
    async with connected() as pair:
        pair.sender.hold(True)
        for frame in group(3):
            pair.sender.send_frame(frame)
        assert pair.sender.counts.packets == 0
        pair.sender.hold(False)
        assert same((await pair.received(3))[:3], group(3))
