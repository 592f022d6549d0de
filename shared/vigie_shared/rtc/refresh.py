"""Full intra requests (FIR, RFC 5104, section 4.3.1): a command for a keyframe that names its streams in its body, and
no media source in its header. aiortc looks at the header alone, so that such a command reaches nobody.
"""

import struct
from collections.abc import Iterator
from typing import Final

from aiortc.rtcdtlstransport import RtpReceiver, RtpRouter, RtpSender
from aiortc.rtp import RTCP_PSFB_FIR, AnyRtcpPacket, RtcpPsfbPacket

_ENTRY: Final = struct.Struct("!IB3x")


class RefreshCommands:
    """Those for one stream. Each has a number, by which its repetitions are known."""

    def __init__(self, ssrc: int) -> None:
        self._ssrc = ssrc
        self._obeyed: tuple[int, int] | None = None

    def feed(self, packet: RtcpPsfbPacket) -> bool:
        """Whether this FIR asks for a keyframe of the stream that it did not ask for before."""
        for ssrc, number in _entries(packet.fci):
            if ssrc == self._ssrc and (packet.ssrc, number) != self._obeyed:
                self._obeyed = packet.ssrc, number
                return True
        return not packet.fci and packet.media_ssrc == self._ssrc  # as of before RFC 5104


def hand_to_named(router: RtpRouter) -> None:
    """From now on the router hands FIR to the senders that it names, too."""
    if "route_rtcp" in vars(router):
        return
    route = router.route_rtcp

    def route_rtcp(packet: AnyRtcpPacket) -> set[RtpReceiver | RtpSender]:
        recipients = route(packet)
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_FIR:
            recipients |= {router.senders[ssrc] for ssrc, _ in _entries(packet.fci) if ssrc in router.senders}
        return recipients

    setattr(router, "route_rtcp", route_rtcp)  # noqa: B010 - mypy knows methods, not that they are replaced


def _entries(fci: bytes) -> Iterator[tuple[int, int]]:
    """Stream and number of each command; what is cut short is none."""
    return _ENTRY.iter_unpack(fci[: len(fci) // _ENTRY.size * _ENTRY.size])
