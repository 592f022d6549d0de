"""Encoded frames to one peer, over a connection of aiortc's.

aiortc's sender re-encodes or takes packets from a track, keeps 128 packets for retransmission (a keyframe may be more),
lets neither PLI nor REMB reach whoever makes the frames, has no pacing, and costs twice the processor time.
"""

import asyncio
import secrets
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aiortc import RTCRtpTransceiver
from aiortc.codecs import is_rtx
from aiortc.rtcrtpparameters import RTCRtpSendParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    AnyRtcpPacket,
    RtcpByePacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSdesPacket,
    RtcpSenderInfo,
    RtcpSourceInfo,
    RtcpSrPacket,
    unpack_remb_fci,
)

from vigie_shared.rtc.beat import REPORT_BEAT_SECONDS, call_on_beat
from vigie_shared.rtc.datagrams import RtpWriter
from vigie_shared.rtc.extensions import Extensions, ntp_time
from vigie_shared.rtc.h264 import EncodedFrame, packetize
from vigie_shared.rtc.history import HISTORY_PACKETS, History
from vigie_shared.rtc.pacer import PACKET_OVERHEAD_BYTES, Pacer
from vigie_shared.rtc.refresh import RefreshCommands, hand_to_named

CLOCK_HZ: Final = 90_000
FILLER_PACKETS: Final = 64
_PACING_BEAT_SECONDS: Final = 0.005
_REPORT_SLACK_SECONDS: Final = 0.2
_RTT_SHARE: Final = 0.85


@dataclass(slots=True)
class SenderCounts:
    """What a sender has done."""

    packets: int = 0
    bytes: int = 0
    frames: int = 0
    frames_dropped: int = 0
    packets_repeated: int = 0


class PacketSender:
    """Sends over `transceiver` in place of aiortc's own sender; make it before the connection is made.

    Frames given before `started`, or after the connection is lost, go nowhere. Timestamps leave as they are given.
    """

    def __init__(
        self, transceiver: RTCRtpTransceiver, *, pacer: Pacer | None = None, history: int = HISTORY_PACKETS
    ) -> None:
        self.started = asyncio.Event()
        self.counts = SenderCounts()
        self.rtt_seconds: float | None = None
        self.on_keyframe_wanted: Callable[[], None] = lambda: None
        self.on_estimate: Callable[[int], None] = lambda bits_per_second: None
        self.on_report: Callable[[float, float | None, float], None] = lambda lost, rtt_seconds, jitter_seconds: None
        self.pacer = pacer or Pacer()
        self._sender = transceiver.sender
        self._ssrc = self._sender._ssrc
        self._history = History(history)
        self._refresh = RefreshCommands(self._ssrc)
        self._sequence = secrets.randbelow(1 << 15)  # in the lower half: a wrap early on breaks SRTP
        self._rtx_sequence = secrets.randbelow(1 << 15)
        self._timestamp = 0
        self._timestamp_at = 0.0
        self._report_at = 0.0
        self._report_sent = (0, 0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._report_timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self._sends = False
        setattr(self._sender, "send", self._start)  # noqa: B010 - mypy knows methods, not that they are replaced
        setattr(self._sender, "stop", self._stop)  # noqa: B010
        setattr(self._sender, "_handle_rtcp_packet", self._on_rtcp)  # noqa: B010

    @property
    def queue_seconds(self) -> float:
        """How long what is given now will wait."""
        return self.pacer.queue_seconds

    def send_frame(self, frame: EncodedFrame) -> None:
        """Send one access unit."""
        self.send_packets(packetize(frame.data), frame.timestamp, is_keyframe=frame.is_keyframe)

    def send_packets(self, payloads: Sequence[bytes], timestamp: int, *, is_keyframe: bool) -> None:
        """Send one frame that is already packetised; the list may be shared by many senders, and must not change."""
        if not self._sends or not payloads:
            return
        now = time.monotonic()
        bytes_ = self.pacer.pass_at_once(payloads, now)
        if bytes_ is not None:
            self._write(payloads, bytes_, timestamp, True, now)
            return
        self.counts.frames_dropped += self.pacer.push(payloads, timestamp, is_keyframe)
        if self._timer is None:
            self._flush()

    def forget(self) -> None:
        """What waits, and what was sent, is of no use any more: it is neither sent nor repeated."""
        self.pacer.clear()
        self._history.clear()

    def fill(self, bytes_: int) -> int:
        """Repeat the newest packets, which nobody misses, until so many bytes have left; how many did.

        The peer counts them when it estimates the link: this shows whether it carries more than the video.
        """
        if not self._sends or self._rtx_payload_type is None:
            return 0  # the same packet twice would be dropped as a replay
        now, filled, back = time.monotonic(), 0, 0
        while filled < bytes_:
            sequence = self._sequence - 1 - back % FILLER_PACKETS & 0xFFFF
            kept = self._history.find(sequence)
            if kept is None and back == 0:
                return filled
            if kept is None:
                back = 0
                continue
            if not self._write_again(sequence, kept, now):
                return filled
            filled += len(kept[0]) + PACKET_OVERHEAD_BYTES
            back += 1
        return filled

    def estimate(self, bits_per_second: float | None) -> None:
        """Pace to this from now on; what the peer estimates (REMB) is taken by itself."""
        self.pacer.set_estimate(bits_per_second)

    def hold(self, is_held: bool) -> None:
        """Let nothing leave for now but the pacer's burst; or let it go on."""
        was_held, self.pacer.is_held = self.pacer.is_held, is_held
        if was_held and not is_held and self._timer is None and self._sends:
            self._timer = call_on_beat(0.0, _PACING_BEAT_SECONDS, self._flush)

    # What aiortc calls in place of its own.

    async def _start(self, parameters: RTCRtpSendParameters) -> None:
        if self.started.is_set() or self._stopped:
            return
        dtls = self._sender.transport
        dtls._register_rtp_sender(self._sender, parameters)
        hand_to_named(dtls._rtp_router)
        self._writer = RtpWriter(dtls)
        self._extensions = Extensions(parameters.headerExtensions, parameters.muxId)
        self._payload_type = parameters.codecs[0].payloadType or 0
        rtx = (codec for codec in parameters.codecs if is_rtx(codec))
        self._rtx_payload_type = next(
            (codec.payloadType for codec in rtx if codec.parameters["apt"] == self._payload_type), None
        )
        self._cname = parameters.rtcp.cname or ""
        self._plan_report()
        self._sends = True
        self.started.set()

    async def _stop(self) -> None:
        if self._stopped:
            return
        self._stopped, self._sends = True, False
        self.pacer.clear()
        for timer in (self._timer, self._report_timer):
            if timer is not None:
                timer.cancel()
        if self.started.is_set():
            self._sender.transport._unregister_rtp_sender(self._sender)
            self._write_rtcp(RtcpByePacket(sources=[self._ssrc]))

    async def _on_rtcp(self, packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpRrPacket | RtcpSrPacket):
            for report in packet.reports:
                if report.ssrc == self._ssrc:
                    self._on_receiver_report(report)
        elif isinstance(packet, RtcpRtpfbPacket) and packet.fmt == RTCP_RTPFB_NACK:
            self._repeat(packet.lost)
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI:
            self.on_keyframe_wanted()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_FIR:
            if self._refresh.feed(packet):
                self.on_keyframe_wanted()
        elif isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            self._on_remb(packet.fci)

    # Sending.

    def _flush(self) -> None:
        self._timer = None
        now = time.monotonic()
        for payloads, bytes_, timestamp, ends_frame in self.pacer.take(now):
            if not self._write(payloads, bytes_, timestamp, ends_frame, now):
                self.pacer.clear()
                return
        wait_seconds = self.pacer.wait_seconds()
        if wait_seconds is not None:
            self._timer = call_on_beat(wait_seconds, _PACING_BEAT_SECONDS, self._flush)

    def _write(self, payloads: Sequence[bytes], bytes_: int, timestamp: int, ends_frame: bool, now: float) -> bool:
        """Whether there is a connection."""
        timestamp, sequence = timestamp & 0xFFFFFFFF, self._sequence
        header = self._payload_type, sequence, timestamp, self._ssrc, self._extensions.at(now)
        try:
            self._writer.write(payloads, header, ends_frame)
        except ConnectionError:
            return False
        self._history.add(sequence, payloads, timestamp, ends_frame)
        self._sequence = sequence + len(payloads) & 0xFFFF
        self._timestamp, self._timestamp_at = timestamp, now
        counts = self.counts
        counts.packets += len(payloads)
        counts.bytes += bytes_
        counts.frames += ends_frame
        if now >= self._report_at:
            self._report()
        return True

    def _repeat(self, sequences: list[int]) -> None:
        now = time.monotonic()
        for sequence in sequences:
            kept = self._history.find(sequence)
            if kept is None or not self.pacer.may_repeat(len(kept[0]), now):
                continue
            if not self._write_again(sequence, kept, now):
                return
            self.counts.packets_repeated += 1

    def _write_again(self, sequence: int, kept: tuple[bytes, int, bool], now: float) -> bool:
        """Whether the connection still takes anything."""
        payload, timestamp, ends = kept
        payload_type, ssrc = self._payload_type, self._ssrc
        if self._rtx_payload_type is not None:
            payload = struct.pack("!H", sequence) + payload
            payload_type, ssrc, sequence = self._rtx_payload_type, self._sender._rtx_ssrc, self._rtx_sequence
            self._rtx_sequence = self._rtx_sequence + 1 & 0xFFFF
        header = payload_type, sequence, timestamp, ssrc, self._extensions.at(now)
        try:
            self._writer.write([payload], header, ends)
        except ConnectionError:
            return False
        return True

    # Reports.

    def _plan_report(self) -> None:
        """With the first frame that leaves then; a timer is there for streams that pause."""
        wait_seconds = 0.5 + secrets.randbelow(1000) / 1000
        self._report_at = time.monotonic() + wait_seconds
        if self._report_timer is not None:
            self._report_timer.cancel()
        self._report_timer = call_on_beat(wait_seconds + _REPORT_SLACK_SECONDS, REPORT_BEAT_SECONDS, self._report)

    def _report(self) -> None:
        self._plan_report()
        if not self.counts.packets:
            return
        now = time.time()
        ntp = ntp_time(now)
        self._report_sent = ((ntp >> 16) & 0xFFFFFFFF, now)
        elapsed = int((time.monotonic() - self._timestamp_at) * CLOCK_HZ)
        info = RtcpSenderInfo(
            ntp_timestamp=ntp,
            rtp_timestamp=(self._timestamp + elapsed) & 0xFFFFFFFF,
            packet_count=self.counts.packets & 0xFFFFFFFF,
            octet_count=self.counts.bytes & 0xFFFFFFFF,
        )
        name = RtcpSourceInfo(ssrc=self._ssrc, items=[(1, self._cname.encode())])
        self._write_rtcp(RtcpSrPacket(ssrc=self._ssrc, sender_info=info), RtcpSdesPacket(chunks=[name]))

    def _write_rtcp(self, *packets: AnyRtcpPacket) -> None:
        try:
            self._writer.write_rtcp(b"".join(map(bytes, packets)))
        except ConnectionError:
            return

    def _on_receiver_report(self, report: RtcpReceiverInfo) -> None:
        self._extensions.heard()
        middle, sent_at = self._report_sent
        if report.dlsr and report.lsr == middle:
            rtt = max(0.0, time.time() - sent_at - report.dlsr / 65536)
            known = self.rtt_seconds
            self.rtt_seconds = rtt if known is None else _RTT_SHARE * known + (1 - _RTT_SHARE) * rtt
        self.on_report(report.fraction_lost / 256, self.rtt_seconds, report.jitter / CLOCK_HZ)

    def _on_remb(self, fci: bytes) -> None:
        try:
            bits_per_second, ssrcs = unpack_remb_fci(fci)
        except (ValueError, struct.error):
            return
        if self._ssrc in ssrcs:
            self.pacer.set_estimate(bits_per_second)
            self.on_estimate(bits_per_second)
