"""WebRTC connections as both sides want them; aiortc's own ask Google's STUN server, wait a second for each `.local`
candidate, offer nothing where loopback is all there is, notice a dead peer after 30 s and prefer VP8.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from aiortc import (
    RTCConfiguration,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcdtlstransport import RTCDtlsTransport

from vigie_shared.ice import IceServer
from vigie_shared.rtc import congestion
from vigie_shared.rtc.gathering import Gathering
from vigie_shared.rtc.handshake import Handshake
from vigie_shared.rtc.head_start import HeadStart
from vigie_shared.rtc.liveness import LifeWatch

_CLOSE_SECONDS: Final = 5.0
_CODECS: Final = ("video/h264", "video/rtx")


def make_connection(ice_servers: Sequence[IceServer] = ()) -> RTCPeerConnection:
    """A connection that asks the named STUN and TURN servers and no other."""
    return _Connection(ice_servers)


def strip_mdns(sdp: str) -> str:
    """The description without candidates that have a name ending in `.local`.

    Resolving one that nobody on this network answers for costs a second. What the peer's checks come from is found
    without them, so the list of candidates then counts as unfinished.
    """
    lines = sdp.splitlines(keepends=True)
    kept = [line for line in lines if not _is_mdns(line)]
    if len(kept) < len(lines):
        kept = [line for line in kept if not line.startswith("a=end-of-candidates")]
    return "".join(kept)


def offer_video(connection: RTCPeerConnection, direction: str = "recvonly") -> RTCRtpTransceiver:
    """Add a video section that knows H.264 and nothing else; call `describe` for the offer."""
    transceiver = connection.addTransceiver("video", direction=direction)
    codecs = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences([codec for codec in codecs if codec.mimeType.lower() in _CODECS])
    return transceiver


async def answer_video(connection: RTCPeerConnection, offer_sdp: str, direction: str = "sendonly") -> RTCRtpTransceiver:
    """Take an offer with one video section, which then carries H.264; call `describe` for the answer.

    The codec must be chosen before the offer is applied: otherwise the browser's first one (VP8) stays chosen, and
    H.264 leaves with its label: black video, and no error.
    """
    transceiver = offer_video(connection, direction)
    await connection.setRemoteDescription(RTCSessionDescription(offer_sdp, "offer"))
    return transceiver


async def describe(connection: RTCPeerConnection) -> str:
    """The local description (an offer, or the answer to the offer applied before) with all candidates in it."""
    await connection.setLocalDescription()
    return connection.localDescription.sdp


async def accept_answer(connection: RTCPeerConnection, answer_sdp: str) -> None:
    """Take the answer to an offer."""
    await connection.setRemoteDescription(RTCSessionDescription(answer_sdp, "answer"))


def round_trip_seconds(connection: RTCPeerConnection) -> float | None:
    """How long the peer took to answer a part of the handshake; None before it did."""
    handshakes = connection._prepared.values() if isinstance(connection, _Connection) else ()
    known = [one.round_trip_seconds for one in handshakes if one.round_trip_seconds is not None]
    return min(known, default=None)


def is_lost(connection: RTCPeerConnection) -> bool:
    """Whether the way to the peer broke; false where the peer, or this end, hung up."""
    ways = [dtls.transport for dtls in _dtls_of(connection)]
    return any(way.state == "failed" or (way.state != "closed" and way._connection._closing) for way in ways)


def on_end(connection: RTCPeerConnection, gone: Callable[[], None]) -> None:
    """Have `gone` called where it fails or is closed: more than once, where it is both."""

    def changed() -> None:
        if connection.connectionState in ("failed", "closed"):
            gone()

    connection.on("connectionstatechange", changed)


async def close_connection(connection: RTCPeerConnection) -> None:
    """Close it, or leave it closing after a few seconds or where the caller is cancelled: aiortc's close may not be."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await asyncio.shield(connection.close())


async def _to_its_end(gathering: Coroutine[Any, Any, None]) -> None:
    """Cancelled half-way, aioice 0.13 forgets the sockets that it has opened: the caller's end waits for them."""
    work = asyncio.ensure_future(gathering)
    try:
        await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.gather(work, return_exceptions=True)
        raise


class _Connection(RTCPeerConnection):
    def __init__(self, ice_servers: Sequence[IceServer]) -> None:
        super().__init__(RTCConfiguration(iceServers=[]))
        self._ice_servers = ice_servers
        self._prepared: dict[RTCDtlsTransport, Handshake] = {}

    async def setLocalDescription(self, sessionDescription: RTCSessionDescription | None = None) -> None:  # noqa: N802, N803
        for dtls in _dtls_of(self) - set(self._prepared):
            LifeWatch(dtls.transport._connection)
            self._prepared[dtls] = Handshake(dtls, HeadStart(dtls))
            Gathering(dtls.transport._connection, self._ice_servers)
        if self.sctp is not None:
            congestion.install(self.sctp)
        await _to_its_end(super().setLocalDescription(sessionDescription))

    async def setRemoteDescription(self, sessionDescription: RTCSessionDescription) -> None:  # noqa: N802, N803
        description = RTCSessionDescription(strip_mdns(sessionDescription.sdp), sessionDescription.type)
        await super().setRemoteDescription(description)

    async def addIceCandidate(self, candidate: RTCIceCandidate | None) -> None:  # noqa: N802
        if candidate is None or not candidate.ip.endswith(".local"):
            await super().addIceCandidate(candidate)


def _dtls_of(connection: RTCPeerConnection) -> set[RTCDtlsTransport]:
    transports = [transceiver.receiver.transport for transceiver in connection.getTransceivers()]
    if connection.sctp is not None:
        transports.append(connection.sctp.transport)
    return set(transports)


def _is_mdns(line: str) -> bool:
    fields = line.split()
    return line.startswith("a=candidate:") and len(fields) > 4 and fields[4].endswith(".local")
