"""Two peers of `make_connection` in one process: real ICE, DTLS and SRTP on loopback, and packets lost on demand."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiortc import RTCPeerConnection, RTCRtpTransceiver

from vigie_shared.rtc.connection import accept_answer, answer_video, describe, make_connection, offer_video
from vigie_shared.rtc.h264 import EncodedFrame
from vigie_shared.rtc.pacer import Pacer
from vigie_shared.rtc.reassembly import ReceivedFrame
from vigie_shared.rtc.receiver import PacketReceiver
from vigie_shared.rtc.sender import PacketSender

SPS, PPS = b"\x67\x42\xe0\x1f" + b"\x11" * 8, b"\x68\xce\x3c\x80"
START = b"\0\0\0\1"


def keyframe(timestamp: int, size: int = 20_000) -> EncodedFrame:
    """As large as asked, no byte of it a start code."""
    data = START + SPS + START + PPS + START + b"\x65" + bytes(1 + (timestamp + n) % 251 for n in range(size))
    return EncodedFrame(data, timestamp, is_keyframe=True)


def difference(timestamp: int, size: int = 5_000) -> EncodedFrame:
    """A frame that builds on the one before."""
    data = START + b"\x41" + bytes(1 + (timestamp + n) % 251 for n in range(size))
    return EncodedFrame(data, timestamp, is_keyframe=False)


def group(count: int, first: int = 0, size: int = 5_000) -> list[EncodedFrame]:
    """A keyframe and what builds on it, 25 a second."""
    return [keyframe(first, 4 * size), *(difference(first + 3600 * n, size) for n in range(1, count))]


@dataclass
class Pair:
    """The agent sends, the hub receives."""

    agent: RTCPeerConnection
    hub: RTCPeerConnection
    sending: RTCRtpTransceiver
    receiving: RTCRtpTransceiver
    sender: PacketSender
    receiver: PacketReceiver
    frames: list[ReceivedFrame] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def received(self, count: int) -> list[ReceivedFrame]:
        """Wait for so many frames."""
        async with asyncio.timeout(60):
            while len(self.frames) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.frames

    def lose(self, is_lost: Callable[[bytes], bool]) -> None:
        """From now on, the hub never sees the datagrams that `is_lost` says."""
        drop(self.hub, is_lost)

    def _on_frame(self, frame: ReceivedFrame) -> None:
        self.frames.append(frame)
        self.arrived.set()


def drop(connection: RTCPeerConnection, is_lost: Callable[[bytes], bool]) -> None:
    """Lose what comes to `connection` where `is_lost` says so, STUN included."""
    for ice in {transceiver.receiver.transport.transport._connection for transceiver in connection.getTransceivers()}:
        for protocol in ice._protocols:
            setattr(protocol, "datagram_received", _sieve(protocol.datagram_received, is_lost))  # noqa: B010


def _sieve(deliver: Callable[..., None], is_lost: Callable[[bytes], bool]) -> Callable[..., None]:
    def sieve(data: bytes, addr: tuple[str, int]) -> None:
        if not is_lost(data):
            deliver(data, addr)

    return sieve


@asynccontextmanager
async def connected(pacer: Pacer | None = None) -> AsyncIterator[Pair]:
    """Both ends, once media can flow."""
    hub, agent = make_connection(), make_connection()
    try:
        receiving = offer_video(hub)
        offer = await describe(hub)
        sending = await answer_video(agent, offer)
        sender, receiver = PacketSender(sending, pacer=pacer), PacketReceiver(receiving)
        pair = Pair(agent, hub, sending, receiving, sender, receiver)
        receiver.on_frame = pair._on_frame
        await accept_answer(hub, await describe(agent))
        async with asyncio.timeout(60):
            await sender.started.wait()
            await receiver.started.wait()
        yield pair
    finally:
        await agent.close()
        await hub.close()
