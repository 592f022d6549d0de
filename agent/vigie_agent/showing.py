"""Shows a camera's plate lane the pictures of each motion, and notices when it needs no more of them."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from vigie_agent.camera_settings import PlateSettings
from vigie_agent.motion.grid import Luma
from vigie_agent.motion.watch import Seen
from vigie_agent.reading import Deliver, PlateLane, PlateObserver, Region

if TYPE_CHECKING:  # Its module loads TFLite, which only the composition root needs.
    from vigie_agent.plates.vote import VotedRead

SETTLED_SECONDS: Final = 4.0
"""When nothing has been read for so long of a motion, all plates in sight are known, or there are none."""


@runtime_checkable
class _Counts(Protocol):
    """An observer that says how much it has read."""

    @property
    def lines_read(self) -> int: ...


class SettlingObserver:
    """A plate observer that notices when looking on brings nothing."""

    def __init__(self, observer: PlateObserver) -> None:
        self._observer = observer
        self._begun_seconds: float | None = None
        self._needed_seconds = 0.0
        self.is_settled = False
        """Whether nothing was read in the last looks; never, where the observer does not say how much it reads."""

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> "Sequence[VotedRead]":
        """Look at a picture."""
        before = self._lines_read()
        reads = self._observer.observe(at_seconds, luma, region)
        after = self._lines_read()
        if self._begun_seconds is None or after != before:
            self._begun_seconds = self._begun_seconds or at_seconds
            self._needed_seconds = at_seconds
        self.is_settled = after is not None and at_seconds - self._needed_seconds >= SETTLED_SECONDS
        return reads

    def flush(self) -> "Sequence[VotedRead]":
        """End every stay."""
        self._begun_seconds, self.is_settled = None, False
        return self._observer.flush()

    def _lines_read(self) -> int | None:
        return self._observer.lines_read if isinstance(self._observer, _Counts) else None


@dataclass(slots=True)
class _Motion:
    motion_id: str
    begun_seconds: float
    ended: tuple[float, datetime] | None = None


class PlateShow:
    """Hands pictures to the lane with the motion they are of, which may have ended before they could be decoded."""

    def __init__(self, camera_id: str, observer: PlateObserver, settings: PlateSettings, deliver: Deliver) -> None:
        self._observer = SettlingObserver(observer)
        self._lane = PlateLane(camera_id, self._observer, settings, deliver)
        self._motions: deque[_Motion] = deque()
        self.start = self._lane.start
        self.stop = self._lane.stop
        self.room = self._lane.room

    @property
    def dropped_frames(self) -> int:
        """Pictures that the reader was too slow for."""
        return self._lane.dropped_frames

    @property
    def is_settled(self) -> bool:
        """Whether more pictures of the motion bring nothing."""
        return self._observer.is_settled

    def motion_started(self, motion_id: str, position_seconds: float) -> None:
        """Pictures from `position_seconds` on are of this motion."""
        self._motions.append(_Motion(motion_id, position_seconds))

    def motion_ended(self, position_seconds: float, at: datetime) -> None:
        """The newest motion ended there."""
        if self._motions:
            self._motions[-1].ended = (position_seconds, at)

    def see(self, seen: Seen) -> None:
        """Show a picture; motions that ended before another's first picture are closed."""
        while len(self._motions) > 1 and seen.frame.position_seconds >= self._motions[1].begun_seconds:
            self._close(self._motions.popleft())
        if self._motions:
            self._lane.offer(self._motions[0].motion_id, seen.frame, seen.region)

    def caught_up(self) -> None:
        """No picture waits to be decoded: every motion that has ended is closed."""
        while self._motions and self._motions[0].ended is not None:
            self._close(self._motions.popleft())

    def _close(self, motion: _Motion) -> None:
        if motion.ended is not None:
            self._lane.motion_ended(motion.motion_id, *motion.ended)
