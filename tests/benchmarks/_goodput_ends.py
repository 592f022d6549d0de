"""One end of a flow over an emulated link, as a process: it sends as much as the link takes, or counts what comes.

`send KIND` and `receive KIND`, KIND one of `ours`, `stock` (aiortc's data channel with and without the controller),
`bbr`, `cubic` (TCP). Descriptions go through stdout and stdin. The receiver prints when how many bytes were here.
"""

import asyncio
import json
import os
import resource
import socket
import sys
import time
from contextlib import suppress
from typing import Final

from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from vigie_shared.rtc import congestion

MESSAGE: Final = bytes(16_384)
BUFFERED_BYTES_MAX: Final = 512 * 1024
PORT: Final = 5201
TCP_CONGESTION_BYTES: Final = 16
NICENESS: Final = -5
"""Of both ends, whatever they speak: it is the link that is measured, not who else uses the machine."""


async def send_by_channel(seconds: float, *, is_ours: bool) -> None:
    """Offer, and send for so long."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    channel = connection.createDataChannel("flow")
    if is_ours:
        assert connection.sctp is not None
        congestion.install(connection.sctp)
    await connection.setLocalDescription(await connection.createOffer())
    say({"sdp": connection.localDescription.sdp})
    answer = await asyncio.to_thread(sys.stdin.readline)
    room, opened = asyncio.Event(), asyncio.Event()
    channel.bufferedAmountLowThreshold = BUFFERED_BYTES_MAX // 2
    channel.on("bufferedamountlow", room.set)
    channel.on("open", opened.set)
    await connection.setRemoteDescription(RTCSessionDescription(json.loads(answer)["sdp"], "answer"))
    await opened.wait()
    await asyncio.sleep(0.3)  # both ends have settled, as TCP's after its handshake
    before = cpu_seconds()
    say({"began_at": time.monotonic()})
    try:
        async with asyncio.timeout(seconds):
            while True:
                await fill(channel, room)
    except TimeoutError:
        say({"cpu_seconds": cpu_seconds() - before})


async def fill(channel: RTCDataChannel, room: asyncio.Event) -> None:
    """Queue messages up to the limit; return when half of it has left."""
    while channel.bufferedAmount < BUFFERED_BYTES_MAX:
        channel.send(MESSAGE)
    room.clear()
    await room.wait()


async def receive_by_channel(seconds: float) -> None:
    """Answer, and count until stdin ends."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offer = json.loads(await asyncio.to_thread(sys.stdin.readline))
    arrivals: list[tuple[float, int]] = []

    @connection.on("datachannel")
    def _on_channel(channel: RTCDataChannel) -> None:
        channel.on("message", lambda message: arrivals.append((time.monotonic(), len(message))))

    await connection.setRemoteDescription(RTCSessionDescription(offer["sdp"], "offer"))
    await connection.setLocalDescription(await connection.createAnswer())
    say({"sdp": connection.localDescription.sdp})
    await asyncio.to_thread(sys.stdin.readline)
    say({"arrivals": arrivals})


def send_by_tcp(address: str, algorithm: str, seconds: float) -> None:
    """Connect, and send for so long."""
    with socket.socket() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, algorithm.encode())
        chosen = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, TCP_CONGESTION_BYTES)
        assert chosen.rstrip(b"\0").decode() == algorithm
        connection.connect((address, PORT))
        began, before = time.monotonic(), cpu_seconds()
        say({"began_at": began})
        connection.settimeout(0.5)
        while time.monotonic() < began + seconds:
            try:
                connection.send(MESSAGE)
            except TimeoutError:
                continue
        say({"cpu_seconds": cpu_seconds() - before})


def receive_by_tcp() -> None:
    """Take one connection and count until it ends."""
    arrivals: list[tuple[float, int]] = []
    with socket.create_server(("", PORT)) as listener:
        say({})
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(65_536):
                arrivals.append((time.monotonic(), len(data)))
    say({"arrivals": arrivals})


def say(words: dict[str, object]) -> None:
    """One line for who started us."""
    print(json.dumps(words), flush=True)


def cpu_seconds() -> float:
    """Of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main(verb: str, kind: str, seconds: float, address: str) -> None:
    """One end."""
    with suppress(PermissionError):
        os.nice(NICENESS)
    if kind in ("ours", "stock"):
        is_ours = kind == "ours"
        asyncio.run(send_by_channel(seconds, is_ours=is_ours) if verb == "send" else receive_by_channel(seconds))
    elif verb == "send":
        send_by_tcp(address, kind, seconds)
    else:
        receive_by_tcp()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4])
