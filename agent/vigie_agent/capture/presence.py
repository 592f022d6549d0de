"""Whether a camera is there: what both of its sources do when its stream begins and when it is lost."""

from datetime import datetime
from typing import Any

from vigie_agent.capture.backoff import Backoff
from vigie_agent.capture.packets import Packet, RawPacket, StreamInfo
from vigie_agent.capture.timeline import Timeline
from vigie_agent.logs import FaultLog


class Presence:
    """One camera's timeline through all its losses; sans I/O, and called by one thread."""

    def __init__(self, source: str, logger: Any, reconnect_seconds_min: float, reconnect_seconds_max: float) -> None:
        """`source` is its address as it may be shown."""
        self._source = source
        self._log = logger
        self._fault = FaultLog(logger)
        self._backoff = Backoff(reconnect_seconds_min, reconnect_seconds_max)
        self._timeline = Timeline()
        self._lost_since_seconds: float | None = None
        self.stream: StreamInfo | None = None
        """What it sends, or sent when last there."""
        self.times_lost = 0

    @property
    def is_lost(self) -> bool:
        """Whether it went away and has not come back."""
        return self._lost_since_seconds is not None

    def begin(self, stream: StreamInfo, now_seconds: float) -> None:
        """It sends `stream` from now on; the time without it is missing from the timeline."""
        if self._lost_since_seconds is not None:
            self._timeline.resume(now_seconds - self._lost_since_seconds)
        self.stream, self._lost_since_seconds = stream, None
        self._backoff.reset()
        self._fault.clear("camera is back")
        self._log.info(
            "camera streams",
            source=self._source,
            codec=stream.codec,
            width_px=stream.width_px,
            height_px=stream.height_px,
        )

    def lose(self, reason: str, now_seconds: float) -> bool:
        """It is not there. Says so once, then quietly: it may be away for days. True where it was there before."""
        self._fault.report("camera lost", reason=reason)
        if self._lost_since_seconds is not None:
            return False
        self.times_lost += 1
        self._lost_since_seconds = now_seconds
        return True

    def next_try_seconds(self) -> float:
        """How long to wait before the next try."""
        return self._backoff.next_seconds()

    def play_again(self) -> None:
        """A film starts anew, with nothing missed."""
        self._timeline.resume()

    def position_of(self, raw: RawPacket) -> float:
        """Where `raw` would come on the timeline if it were stamped next."""
        return self._timeline.position_of(raw)

    def stamp(self, raw: RawPacket, arrived_at: datetime) -> Packet:
        """`raw` on the timeline."""
        return self._timeline.stamp(raw, arrived_at)
