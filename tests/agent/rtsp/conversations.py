"""What an RTSP server says, as bytes: a conversation without a network."""

import struct
from collections.abc import Iterable, Sequence

from tests.media.rtsp import PAYLOAD_TYPE, AccessUnit, describe, packetise
from vigie_agent.capture.packets import Codec
from vigie_agent.rtsp.client import RtspClient
from vigie_agent.rtsp.location import Location
from vigie_agent.rtsp.pictures import Picture

URL = "rtsp://10.0.0.1/live"
SETS = [b"\x67\x42\xc0\x1e\x01", b"\x68\xce\x06\xe2"]


def frame(packet: bytes, channel: int = 0) -> bytes:
    """`packet` interleaved."""
    return struct.pack(">BBH", 0x24, channel, len(packet)) + packet


def rtp(
    payload: bytes,
    sequence: int,
    ticks: int,
    *,
    marker: bool = True,
    first: int = 0x80,
    source: int = 1,
    extra: bytes = b"",
) -> bytes:
    """One RTP packet."""
    kind = PAYLOAD_TYPE | (0x80 if marker else 0)
    return struct.pack(">BBHII", first, kind, sequence & 0xFFFF, ticks & 0xFFFFFFFF, source) + payload


def packets(pictures: Iterable[AccessUnit], codec: Codec = "h264", sequence: int = 0) -> list[bytes]:
    """All RTP packets of `pictures`."""
    made: list[bytes] = []
    for picture in pictures:
        payloads = [payload for unit in picture.units for payload in packetise(codec, unit)]
        for index, payload in enumerate(payloads):
            made.append(rtp(payload, sequence + len(made), picture.ticks, marker=index == len(payloads) - 1))
    return made


def answer(sequence: int, *headers: str, status: str = "200 OK", body: str = "") -> bytes:
    """One answer."""
    lines = [f"RTSP/1.0 {status}", f"CSeq: {sequence}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", body]).encode()


def hearing(client: RtspClient, data: bytes) -> list[Picture]:
    """Feed all of `data` at once."""
    return client.feed(memoryview(data))


def asked(client: RtspClient) -> list[str]:
    """First lines of what the client wants to send."""
    return [part.split("\r\n")[0] for part in client.outgoing().decode().split("\r\n\r\n") if part]


def answers(sets: Sequence[bytes] = SETS, codec: Codec = "h264", session: str = "1;timeout=30") -> list[bytes]:
    """A whole opening, in order."""
    return [
        answer(1, "Public: OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER"),
        answer(2, "Content-Base: rtsp://10.0.0.1/live/", body=describe(codec, list(sets))),
        answer(3, f"Session: {session}", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"),
        answer(4, "Session: 1"),
    ]


def playing(sets: Sequence[bytes] = SETS, codec: Codec = "h264") -> RtspClient:
    """A client that has come to PLAY."""
    client = RtspClient(Location.parse(URL))
    for said in answers(sets, codec):
        hearing(client, said)
    client.outgoing()
    return client
