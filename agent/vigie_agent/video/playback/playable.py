"""Where a clip's parts are in its own time, and what playback asks of whoever keeps them."""

import bisect
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from vigie_agent.store.playing import Neighbour


@dataclass(frozen=True, slots=True)
class Gop:
    """One segment: a keyframe and what follows it."""

    idx: int
    starts_seconds: float
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PlayableClip:
    """A clip without its bytes; times are seconds from its first picture."""

    clip_id: str
    camera_id: str
    motion_id: str | None
    at: datetime
    duration_seconds: float
    codec: str
    width_px: int
    height_px: int
    is_finished: bool
    """False while it is being recorded: there will be more."""
    gops: tuple[Gop, ...]
    event_seconds: float = 0.0
    """When its event began."""

    @property
    def bits_per_second(self) -> float:
        """Of the whole clip."""
        return 8 * sum(gop.size_bytes for gop in self.gops) / max(self.duration_seconds, 0.1)

    def at_or_before(self, seconds: float) -> int:
        """The number of the last part that begins by then; 0 before the first."""
        return max(0, bisect.bisect_right(self.gops, seconds, key=lambda gop: gop.starts_seconds) - 1)

    def at_or_after(self, seconds: float) -> int:
        """The number of the first part that begins then or later; their count where none does."""
        return bisect.bisect_left(self.gops, seconds, key=lambda gop: gop.starts_seconds)


class Footage(Protocol):
    """Keeps clips. Methods block; they raise StoreError with one line that says what is the matter."""

    def clip(self, clip_id: str) -> PlayableClip:
        """What a clip is made of."""
        ...

    def segment(self, clip_id: str, idx: int) -> bytes:
        """One of its segments, exactly as it was stored; 0 is the init segment."""
        ...

    def neighbour(self, clip: PlayableClip, which: Neighbour) -> str | None:
        """The clip that is next to this one in that way; None where there is none."""
        ...
