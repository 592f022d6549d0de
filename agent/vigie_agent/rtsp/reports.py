"""RTCP sender reports (RFC 3550 §6.4.1): which wall-clock time of the camera belongs to which RTP timestamp."""

import struct
from dataclasses import dataclass
from typing import Final

_SENDER_REPORT: Final = 200
_NTP_TO_UNIX_SECONDS: Final = 2_208_988_800
UNSET_BEFORE_UNIX_SECONDS: Final = 946_684_800
"""A camera that claims to live before 2000 has never been given the time."""


@dataclass(frozen=True, slots=True)
class SenderReport:
    """The camera's clock at one RTP timestamp."""

    unix_seconds: float
    ticks: int

    def unix_seconds_at(self, ticks: int, clock_hz: int) -> float:
        """The camera's time at the RTP timestamp `ticks`, within half a turn of the 32-bit counter."""
        delta = (ticks - self.ticks + 0x8000_0000) % 0x1_0000_0000 - 0x8000_0000
        return self.unix_seconds + delta / clock_hz


def find_sender_report(compound: bytes) -> SenderReport | None:
    """The sender report in a compound packet, where it has one and the camera knows the time."""
    at = 0
    while at + 8 <= len(compound):
        first, kind, words = struct.unpack_from(">BBH", compound, at)
        if first >> 6 != 2:
            return None
        if kind == _SENDER_REPORT and at + 20 <= len(compound) and words >= 6:
            return _report(*struct.unpack_from(">III", compound, at + 8))
        at += 4 * (words + 1)
    return None


def _report(seconds: int, fraction: int, ticks: int) -> SenderReport | None:
    unix_seconds = seconds - _NTP_TO_UNIX_SECONDS + fraction / (1 << 32)
    return SenderReport(unix_seconds, ticks) if unix_seconds >= UNSET_BEFORE_UNIX_SECONDS else None
