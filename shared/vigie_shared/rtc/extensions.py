"""The RTP header extensions that video needs, written once for all packets that leave together."""

import re
import struct
from collections.abc import Sequence
from typing import Final

from aiortc import RTCRtpTransceiver
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters

_ABS_SEND_TIME: Final = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
_MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
_PLAYOUT_DELAY: Final = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"
_OFFERED_PLAYOUT_DELAY: Final = re.compile(rf"^a=extmap:(\d+)(?:/\w+)? {re.escape(_PLAYOUT_DELAY)}\b", re.MULTILINE)
_NTP_EPOCH_SECONDS: Final = 2_208_988_800
_ONE_BYTE: Final = 0xBEDE
_TICKS_A_SECOND: Final = 1 << 18


def ntp_time(unix_seconds: float) -> int:
    """64 bits of NTP time, 32 of them after the point."""
    return int((unix_seconds + _NTP_EPOCH_SECONDS) * (1 << 32))


def show_at_once(transceiver: RTCRtpTransceiver, offer_sdp: str) -> None:
    """Ask a browser to show each picture as soon as it is decoded; call it after `answer_video`, before `describe`.

    Else it shows a picture when it believes it to be due, by how timestamps and arrivals went together so far: after
    a seek or a pause that is seconds too late, and the last picture before a pause waits for the next one.
    """
    offered = _OFFERED_PLAYOUT_DELAY.search(offer_sdp)
    if offered is not None:
        extension = RTCRtpHeaderExtensionParameters(id=int(offered[1]), uri=_PLAYOUT_DELAY)
        transceiver._headerExtensions = [*transceiver._headerExtensions, extension]


class Extensions:
    """The time of sending, by which receivers estimate the link; the section's name until the peer is heard; and no
    delay at the player, where that was agreed (`show_at_once`).
    """

    def __init__(self, negotiated: Sequence[RTCRtpHeaderExtensionParameters], mid: str) -> None:
        ids = {extension.uri: extension.id for extension in negotiated}
        time_id, mid_id, delay_id = (ids.get(uri, 0) for uri in (_ABS_SEND_TIME, _MID, _PLAYOUT_DELAY))
        self._time = (time_id << 4 | 2) << 24 if 0 < time_id < 15 else 0
        name = mid.encode()
        usable = 0 < mid_id < 15 and 0 < len(name) <= 16
        self._delay = bytes((delay_id << 4 | 2, 0, 0, 0)) if 0 < delay_id < 15 else b""
        self._fix(bytes((mid_id << 4 | len(name) - 1,)) + name if usable else b"")

    def heard(self) -> None:
        """The peer reported on this stream, so it knows which section it belongs to."""
        self._fix(b"")

    def at(self, seconds: float) -> bytes:
        """The whole header extension of packets that leave now, by a clock that is never set; empty where none was
        negotiated.
        """
        if not self._time:
            return self._before + self._after
        ticks = int(seconds * _TICKS_A_SECOND) & 0xFFFFFF
        return self._before + (self._time | ticks).to_bytes(4, "big") + self._after

    def _fix(self, mid: bytes) -> None:
        """Write what does not change: all before the time, and all after it."""
        after = self._delay + mid
        words = -(-len(after) // 4)
        self._after = after.ljust(4 * words, b"\0")
        words += self._time > 0
        self._before = struct.pack("!HH", _ONE_BYTE, words) if words else b""
