"""RTP timestamps of a session that shows one source after another, and which time of the camera they stand for."""

from datetime import datetime, timedelta
from typing import Final

from vigie_agent.video.media.source import MediaFrame
from vigie_shared.media import CameraClock

CLOCK_HZ: Final = 90_000
TOLERANCE: Final = timedelta(seconds=0.1)
SAID_AGAIN: Final = timedelta(seconds=10)
"""Timestamps begin again twice a day, so what was said of one does not hold for ever."""
TIMESTAMPS: Final = 1 << 32
"""How many there are before they begin again."""
_NEXT_SOURCE_SECONDS: Final = 0.02


class RtpTime:
    """Never falls; goes on from source to source, as much later as it was in truth. Times are monotonic seconds."""

    def __init__(self, now_seconds: float) -> None:
        self._began_seconds = now_seconds
        self._offset_seconds = 0.0
        self._last_seconds = 0.0
        self.newest: int | None = None
        """The timestamp given last."""

    def begin(self, now_seconds: float) -> None:
        """Frames of another source follow."""
        passed = now_seconds - self._began_seconds
        self._offset_seconds = max(passed, self._last_seconds + _NEXT_SOURCE_SECONDS)

    def timestamp(self, due_seconds: float) -> int:
        """Of a frame that is due then by its source's clock."""
        self._last_seconds = max(self._last_seconds, self._offset_seconds + due_seconds)
        self.newest = round(self._last_seconds * CLOCK_HZ) % TIMESTAMPS
        return self.newest


class CameraTime:
    """Says which time of the camera a timestamp stands for, whenever that does not follow from what was said lately."""

    def __init__(self) -> None:
        self._timestamp = 0
        self._at: datetime | None = None

    def forget(self) -> None:
        """Another source follows: say it anew."""
        self._at = None

    def feed(self, timestamp: int, frame: MediaFrame) -> CameraClock | None:
        """What to say before this frame, if anything."""
        if self._at is not None and not frame.is_sought:
            passed = timedelta(seconds=(timestamp - self._timestamp) % TIMESTAMPS / CLOCK_HZ)
            follows = abs(frame.at - self._at - passed) <= TOLERANCE
            if frame.is_overtaken or (follows and passed < SAID_AGAIN):
                return None
        self._timestamp, self._at = timestamp, frame.at
        return CameraClock(
            rtp_timestamp=timestamp,
            at=frame.at,
            clock_source=frame.clock_source,
            camera_offset_seconds=frame.camera_offset_seconds,
            at_seconds=frame.at_seconds,
        )
