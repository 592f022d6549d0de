"""The parts of the WebRTC benchmarks, each a process: who sends, who receives, who relays, who watches."""

import argparse
import asyncio
import fractions
import socket
import struct
import time
from itertools import count
from pathlib import Path
from statistics import quantiles
from typing import Any

import av
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpTransceiver

from tests.benchmarks._rtc_clip import FRAMES_PER_SECOND, PHASES, read_frames
from tests.benchmarks._rtc_process import answer_calls
from vigie_shared.rtc.arrivals import UDP_GRO
from vigie_shared.rtc.connection import accept_answer, answer_video, describe, make_connection, offer_video
from vigie_shared.rtc.h264 import EncodedFrame
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver
from vigie_shared.rtc.sender import PacketSender

_CLOCK_HZ = 90_000


class Sender:
    """Sends the clip over each connection it is offered, 25 frames a second; timestamps say when frames were due."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._frames = read_frames(options.clip)
        self._lean = not options.stock
        self._connections: list[RTCPeerConnection] = []
        self._starting: list[asyncio.Task[None]] = []
        self._tracks: list[PacketTrack] = []
        self._senders: list[PacketSender] = []

    async def answer(self, offer: str) -> str:
        connection = make_connection() if self._lean else RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = await answer_video(connection, offer)
        delay = len(self._connections) / PHASES / FRAMES_PER_SECOND
        if self._lean:
            self._senders.append(PacketSender(transceiver))
            self._starting.append(asyncio.create_task(self._stream(self._senders[-1], delay)))
        else:
            self._tracks.append(PacketTrack(self._frames, delay))
            transceiver.sender.replaceTrack(self._tracks[-1])
        self._connections.append(connection)
        return await describe(connection)

    async def frames(self) -> int:
        """How many were sent."""
        return sum(sender.counts.frames for sender in self._senders) + sum(track.number for track in self._tracks)

    async def _stream(self, sender: PacketSender, delay_seconds: float) -> None:
        await sender.started.wait()
        loop, numbers = asyncio.get_running_loop(), count()
        begin = loop.time() + delay_seconds

        def send() -> None:
            number = next(numbers)
            due = begin + number / FRAMES_PER_SECOND
            data, is_keyframe = self._frames[number % len(self._frames)]
            sender.send_frame(EncodedFrame(data, int(due * _CLOCK_HZ), is_keyframe))
            loop.call_at(due + 1 / FRAMES_PER_SECOND, send)

        loop.call_at(begin, send)


class PacketTrack(MediaStreamTrack):
    """The same for aiortc's own sender, which passes packets where a track gives them."""

    kind = "video"

    def __init__(self, frames: list[tuple[bytes, bool]], delay_seconds: float) -> None:
        super().__init__()
        self._frames = frames
        self._delay_seconds = delay_seconds
        self._begin: float | None = None
        self.number = 0

    async def recv(self) -> "av.Packet[Any]":
        if self._begin is None:
            self._begin = time.monotonic() + self._delay_seconds
        due = self._begin + self.number / FRAMES_PER_SECOND
        await asyncio.sleep(due - time.monotonic())
        packet = av.Packet(self._frames[self.number % len(self._frames)][0])
        packet.time_base = fractions.Fraction(1, _CLOCK_HZ)
        packet.pts = packet.dts = int(due * _CLOCK_HZ)
        self.number += 1
        return packet


class Receiver:
    """Receives without decoding, and counts frames."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._connections: list[RTCPeerConnection] = []
        self._receivers: list[PacketReceiver] = []

    async def offer(self) -> str:
        connection = make_connection()
        self._connections.append(connection)
        self._receivers.append(PacketReceiver(offer_video(connection), on_frame=self._on_frame))
        return await describe(connection)

    async def accept(self, answer: str) -> bool:
        await accept_answer(self._connections[-1], answer)
        await self._receivers[-1].started.wait()
        return True

    async def frames(self) -> int:
        return sum(receiver.counts.frames for receiver in self._receivers)

    async def received_bytes(self) -> int:
        """Of video, repeated packets included."""
        return sum(receiver.counts.bytes for receiver in self._receivers)

    def _on_frame(self, frame: ReceivedFrame) -> None:
        """Counted by the receiver."""


class Relay(Receiver):
    """Hands on what it receives to everybody who offers to watch, packetised once."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__(options)
        self._senders: list[PacketSender] = []

    async def answer(self, offer: str) -> str:
        connection = make_connection()
        self._connections.append(connection)
        self._senders.append(PacketSender(await answer_video(connection, offer)))
        return await describe(connection)

    def _on_frame(self, frame: ReceivedFrame) -> None:
        for sender in self._senders:
            sender.send_packets(frame.payloads, frame.timestamp, is_keyframe=frame.is_keyframe)


class Viewers:
    """Watches over many connections. Looks only at the clear part of the last packet of each frame: how late it is."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._held: list[tuple[RTCPeerConnection, RTCRtpTransceiver]] = []
        self._late_ms: list[float] = []

    async def offer(self) -> str:
        connection = make_connection()
        self._held.append((connection, offer_video(connection)))
        return await describe(connection)

    async def accept(self, answer: str) -> bool:
        connection, transceiver = self._held[-1]
        receiver = PacketReceiver(transceiver)
        await accept_answer(connection, answer)
        await receiver.started.wait()
        for pair in transceiver.receiver.transport.transport._connection._nominated.values():
            self._drain(pair.protocol)
        return True

    async def lateness(self) -> dict[str, float]:
        """How late frames were since this was asked last, and how many there were."""
        late, self._late_ms = self._late_ms, []
        shares = quantiles(late, n=100) if len(late) > 1 else [0.0] * 99
        return {"frames": len(late), "p50_ms": shares[49], "p95_ms": shares[94], "p99_ms": shares[98]}

    def _drain(self, protocol: Any) -> None:
        """Take all that waits at once, unencrypted headers only: a hundred viewers must fit beside the relay."""
        sock, loop = protocol.transport.get_extra_info("socket")._sock, asyncio.get_running_loop()
        sock.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 0)  # as of browsers: the hub pays for cutting packets apart

        def read() -> None:
            while True:
                try:
                    data, address = sock.recvfrom(2048)
                except BlockingIOError:
                    return
                if data[0] < 4:
                    protocol.datagram_received(data, address)
                elif data[1] & 0x80 and not 192 <= data[1] <= 208:
                    (timestamp,) = struct.unpack_from("!I", data, 4)
                    now = int(time.monotonic() * _CLOCK_HZ)
                    self._late_ms.append(((now - timestamp) & 0xFFFFFFFF) / (_CLOCK_HZ / 1000))

        loop._remove_reader(sock.fileno())  # type: ignore[attr-defined]
        loop._add_reader(sock.fileno(), read)  # type: ignore[attr-defined]


PARTS = {"sender": Sender, "receiver": Receiver, "relay": Relay, "viewers": Viewers}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--stock", action="store_true")
    options = parser.parse_args()

    async def serve() -> None:
        await answer_calls(PARTS[options.part](options))

    asyncio.run(serve())


if __name__ == "__main__":
    main()
