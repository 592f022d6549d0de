"""Where pictures that leave the box come from: a camera's ring, a clip of the store, a transcoder.

A source paces itself: `frames` gives each picture when it should leave. `due_seconds` is when a viewer should show it,
on the source's own clock from 0; it never falls, and says nothing about when the picture was taken.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vigie_shared.clock import ClockSource
from vigie_shared.media import PlaybackCommand, Showing


@dataclass(frozen=True, slots=True)
class MediaFrame:
    """One coded picture: H.264 in Annex B, without B-frames."""

    data: bytes
    """A keyframe carries its parameter sets and decodes alone."""
    is_keyframe: bool
    at: datetime
    """When the camera took it."""
    due_seconds: float
    clock_source: ClockSource = "system"
    camera_offset_seconds: float | None = None
    """How far the camera's own clock was ahead of `at`."""
    at_seconds: float | None = None
    """Of a clip: how far into it this is."""
    is_overtaken: bool = False
    """A newer one follows at once, so nobody needs to know the time of this one."""
    is_sought: bool = False
    """Somebody asked for just this one: its time is told, however close it is to the one before."""


@dataclass(frozen=True, slots=True)
class LinkFeedback:
    """What a connection knows of its link, about once a second; None where nobody has said yet."""

    now_seconds: float
    """Monotonic."""
    estimate_bits_per_second: float | None
    """By the receiver (REMB)."""
    fraction_lost: float | None
    """Of packets, 0 to 1."""
    round_trip_seconds: float | None
    queued_seconds: float
    """How old the oldest picture is that has not left yet."""


@dataclass(frozen=True, slots=True)
class Advice:
    """How what a source gives should leave."""

    pace_bits_per_second: float | None
    """No faster than this, whatever is estimated; None: as is estimated."""
    filler_bits_per_second: float
    """Repeated packets beside the pictures, to see whether the link carries more."""
    drops_queue: bool
    """What has not left yet is of no use any more."""


class MediaSource(Protocol):
    """Gives pictures until it ends or is closed."""

    @property
    def showing(self) -> Showing:
        """What it shows; may change between two pictures, before a keyframe."""
        ...

    def frames(self) -> AsyncIterator[MediaFrame]:
        """The pictures, from a keyframe on; called once. Raises CaptureError or StoreError where they break off."""
        ...

    def want_keyframe(self) -> None:
        """A viewer cannot decode: give a keyframe as soon as there is one. Returns at once."""
        ...

    def adapt(self, feedback: LinkFeedback) -> Advice | None:
        """How the link fares: give less, or more, from the next keyframe on. Returns at once; may do nothing."""
        ...

    async def close(self) -> None:
        """Let go of everything; `frames` ends."""
        ...


class PlaybackMedia(MediaSource, Protocol):
    """A source that can be steered, and stays when it has come to its end."""

    on_over: Callable[[], None]
    """Called when there is no more to show, until somebody steers."""

    def steer(self, command: PlaybackCommand) -> None:
        """Do as the viewer says from the next picture on; returns at once."""
        ...
