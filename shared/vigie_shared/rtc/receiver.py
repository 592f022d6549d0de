"""Encoded frames from one peer, over a connection of aiortc's, never decoded: aiortc's own receiver always decodes, so
that what it receives cannot be relayed.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from aiortc import RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)

from vigie_shared.rtc.arrivals import Arrivals
from vigie_shared.rtc.bandwidth import BandwidthEstimator
from vigie_shared.rtc.beat import REPORT_BEAT_SECONDS, call_on_beat
from vigie_shared.rtc.datagrams import RtpWriter
from vigie_shared.rtc.pacer import PACKET_OVERHEAD_BYTES
from vigie_shared.rtc.reassembly import Reassembly, ReceivedFrame

CLOCK_HZ: Final = 90_000
_LOOK_SECONDS: Final = 0.02
_NACK_PACKETS_MAX: Final = 250
_FIRST_WORD_PACKETS: Final = 24
"""After so many the peer is told what the link seems to carry: until then it holds back what it began with."""


@dataclass(slots=True)
class ReceiverCounts:
    """What a receiver has seen and asked."""

    packets: int = 0
    bytes: int = 0
    frames: int = 0
    packets_repaired: int = 0
    nacks: int = 0
    keyframes_asked: int = 0


class PacketReceiver:
    """Receives over `transceiver` in place of aiortc's own receiver; make it before the connection is made.

    `on_frame` gets each frame at its last packet, in order, and after a loss none before the next keyframe.
    """

    def __init__(
        self, transceiver: RTCRtpTransceiver, *, on_frame: Callable[[ReceivedFrame], None] = lambda frame: None
    ) -> None:
        self.started = asyncio.Event()
        self.counts = ReceiverCounts()
        self.on_frame = on_frame
        self.on_ended: Callable[[], None] = lambda: None
        self._receiver = transceiver.receiver
        self._ssrc = transceiver.sender._ssrc
        self._reassembly = Reassembly()
        self._bandwidth = BandwidthEstimator()
        self._statistics = StreamStatistics(CLOCK_HZ)
        self._media_ssrc: int | None = None
        self._media_types: dict[int, int] = {}
        self._sender_report: tuple[int, float] | None = None
        self._look_timer: asyncio.TimerHandle | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._stopped = False
        for name, replacement in (
            ("receive", self._start),
            ("stop", self._stop),
            ("_handle_rtp_packet", self._on_rtp),
            ("_handle_rtcp_packet", self._on_rtcp),
            ("_handle_disconnect", self._end),
        ):
            setattr(self._receiver, name, replacement)

    @property
    def estimate_bits_per_second(self) -> int:
        """What the link from the peer carries, as far as this end can tell."""
        return self._bandwidth.bits_per_second

    @property
    def frames_lost(self) -> int:
        """Frames that came in part, or without the keyframe that they build on."""
        return self._reassembly.frames_lost

    def request_keyframe(self) -> None:
        """Ask the peer for a keyframe (PLI)."""
        if self._media_ssrc is not None:
            self.counts.keyframes_asked += 1
            self._write_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=self._ssrc, media_ssrc=self._media_ssrc))

    # What aiortc calls in place of its own.

    async def _start(self, parameters: RTCRtpReceiveParameters) -> None:
        if self.started.is_set() or self._stopped:
            return
        self._media_types = {
            codec.payloadType: int(str(codec.parameters["apt"])) if is_rtx(codec) else 0
            for codec in parameters.codecs
            if codec.payloadType is not None
        }
        self._media_ssrc = next((encoding.ssrc for encoding in parameters.encodings), None)
        dtls = self._receiver.transport
        self._writer = RtpWriter(dtls)
        pair = dtls.transport._connection._nominated.get(1)
        self._arrivals = Arrivals(pair.protocol.transport if pair is not None else None)
        self._loop = asyncio.get_running_loop()
        dtls._register_rtp_receiver(self._receiver, parameters)
        self._plan_report()
        self.started.set()

    async def _stop(self) -> None:
        if self.started.is_set() and not self._stopped:
            self._receiver.transport._unregister_rtp_receiver(self._receiver)
        self._end()

    def _end(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        for timer in (self._look_timer, self._report_timer):
            if timer is not None:
                timer.cancel()
        self.on_ended()

    async def _on_rtp(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        now = self._loop.time()
        self._estimate(packet, now)
        sequence, payload = packet.sequence_number, packet.payload
        if self._media_types.get(packet.payload_type):
            if len(payload) < 2:
                return
            sequence, payload = int.from_bytes(payload[:2], "big"), payload[2:]
            self.counts.packets_repaired += 1
        else:
            self._media_ssrc = packet.ssrc
            self._statistics.add(packet)
        self.counts.packets += 1
        self.counts.bytes += len(payload)
        frames = self._reassembly.feed(sequence, packet.timestamp, packet.marker == 1, payload, now)
        if self._look_timer is None and self._reassembly.waits:
            self._look()
        for frame in frames:
            self.counts.frames += 1
            self.on_frame(frame)

    async def _on_rtcp(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.ssrc == self._media_ssrc:
            self._sender_report = (packet.sender_info.ntp_timestamp >> 16 & 0xFFFFFFFF, time.time())
        elif isinstance(packet, RtcpByePacket) and self._media_ssrc in packet.sources:
            self._end()

    # What is asked of the peer.

    def _look(self) -> None:
        """Ask for what is missing, and look again soon while anything is."""
        self._look_timer = None
        if self._stopped:
            return
        now = self._loop.time()
        missing = self._reassembly.missing(now)[:_NACK_PACKETS_MAX]
        if missing and self._media_ssrc is not None:
            self.counts.nacks += 1
            self._write_rtcp(RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._ssrc, self._media_ssrc, missing))
        if self._reassembly.wants_keyframe(now):
            self.request_keyframe()
        if self._reassembly.waits:
            self._look_timer = call_on_beat(_LOOK_SECONDS / 2, _LOOK_SECONDS, self._look)

    def _estimate(self, packet: RtpPacket, now_seconds: float) -> None:
        sent_at = packet.extensions.abs_send_time
        if sent_at is None or self._media_ssrc is None:
            return
        came_at = self._arrivals.came_at_seconds or now_seconds
        fell = self._bandwidth.feed(sent_at, len(packet.payload) + PACKET_OVERHEAD_BYTES, came_at)
        if fell or self.counts.packets == _FIRST_WORD_PACKETS:
            self._write_rtcp(self._remb(self._media_ssrc))

    def _remb(self, media_ssrc: int) -> RtcpPsfbPacket:
        fci = pack_remb_fci(self._bandwidth.say(), [media_ssrc])
        return RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=self._ssrc, media_ssrc=0, fci=fci)

    def _plan_report(self) -> None:
        self._report_timer = call_on_beat(0.5 + secrets.randbelow(1000) / 1000, REPORT_BEAT_SECONDS, self._report)

    def _report(self) -> None:
        self._plan_report()
        if self._media_ssrc is None or self._statistics.max_seq is None:
            return
        lsr, heard_at = self._sender_report or (0, 0.0)
        report = RtcpReceiverInfo(
            ssrc=self._media_ssrc,
            fraction_lost=self._statistics.fraction_lost,
            packets_lost=self._statistics.packets_lost,
            highest_sequence=self._statistics.cycles + self._statistics.max_seq,
            jitter=self._statistics.jitter & 0xFFFFFFFF,
            lsr=lsr,
            dlsr=min(int((time.time() - heard_at) * 65536), 0xFFFFFFFF) if lsr else 0,
        )
        self._write_rtcp(RtcpRrPacket(ssrc=self._ssrc, reports=[report]), self._remb(self._media_ssrc))

    def _write_rtcp(self, *packets: AnyRtcpPacket) -> None:
        try:
            self._writer.write_rtcp(b"".join(map(bytes, packets)))
        except ConnectionError:
            return
