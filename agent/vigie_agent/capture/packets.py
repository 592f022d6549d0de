"""Packets and the stream they belong to, free of any media library's objects."""

from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Literal

from vigie_shared.clock import ClockSource

Codec = Literal["h264", "hevc"]


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What must be known to decode or remux a stream's packets."""

    codec: Codec
    width_px: int
    height_px: int
    time_base: Fraction
    extradata: bytes
    """Parameter sets in Annex B form; each keyframe repeats them."""
    frames_per_second: float
    """As the source declares it, 0 where it does not."""


@dataclass(frozen=True, slots=True)
class RawPacket:
    """A packet as the source stamps it: Annex B, in decoding order."""

    data: bytes
    pts: int | None
    dts: int | None
    duration: int
    time_base: Fraction
    is_keyframe: bool
    camera_unix_seconds: float | None = None
    """When the picture was taken by the camera's own clock (RTCP), where it tells."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One coded picture, Annex B; a keyframe carries its parameter sets and decodes alone."""

    data: bytes
    pts: int
    dts: int
    duration: int
    time_base: Fraction
    is_keyframe: bool
    position_seconds: float
    """When it is decoded on the camera's own timeline: goes on across loops, reconnects and stray timestamps."""
    at: datetime
    clock_source: ClockSource = "system"
    is_discontinuity: bool = False
    """The source's timestamps do not follow from the packet before."""
    camera_unix_seconds: float | None = None
    """When the picture was taken by the camera's own clock, where it tells; `at` is by `clock_source`."""

    @property
    def camera_offset_seconds(self) -> float | None:
        """How far the camera's clock is ahead of the one that `at` is read from."""
        return None if self.camera_unix_seconds is None else self.camera_unix_seconds - self.at.timestamp()

    @property
    def presented_seconds(self) -> float:
        """When it is shown, on the camera's timeline."""
        if self.pts == self.dts:
            return self.position_seconds
        return self.position_seconds + float((self.pts - self.dts) * self.time_base)
