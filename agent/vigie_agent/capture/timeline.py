"""One camera's timeline: positions that never run backwards, whatever the source's timestamps do."""

from datetime import datetime, timedelta
from typing import Final

from vigie_agent.capture.packets import Packet, RawPacket

STEP_SECONDS_MAX: Final = 5.0
"""A longer step between two timestamps is the source's error, not time that passed."""
DRIFT_SECONDS_MAX: Final = 1.0
"""How far positions and the wall clock may part before the wall clock wins."""
_FRAME_SECONDS_UNKNOWN: Final = 0.04


class Timeline:
    """Stamps raw packets with a position and a wall-clock time."""

    def __init__(self) -> None:
        self._position_seconds = 0.0
        self._frame_seconds = _FRAME_SECONDS_UNKNOWN
        self._dts: int | None = None
        self._started = False
        self._anchor_at: datetime | None = None
        self._anchor_seconds = 0.0
        self._last_at: datetime | None = None

    def resume(self, missed_seconds: float = 0.0) -> None:
        """The source starts anew (a loop, a reconnect); `missed_seconds` went by without packets."""
        self._dts = None
        self._position_seconds += max(0.0, missed_seconds)

    def stamp(self, raw: RawPacket, arrived_at: datetime) -> Packet:
        """`raw` on this camera's timeline."""
        follows = self._advance(raw)
        dts = raw.dts if raw.dts is not None else (raw.pts if raw.pts is not None else 0)
        return Packet(
            data=raw.data,
            pts=raw.pts if raw.pts is not None else dts,
            dts=dts,
            duration=raw.duration,
            time_base=raw.time_base,
            is_keyframe=raw.is_keyframe,
            position_seconds=self._position_seconds,
            at=self._wall_clock(arrived_at),
            is_discontinuity=not follows,
        )

    def _advance(self, raw: RawPacket) -> bool:
        """Move to `raw`; whether its timestamp follows from the one before."""
        dts = raw.dts if raw.dts is not None else raw.pts
        before, self._dts = self._dts, dts
        if not self._started:
            self._started = True
            return True
        if dts is not None and before is not None:
            step_seconds = float((dts - before) * raw.time_base)
            if 0.0 < step_seconds <= STEP_SECONDS_MAX:
                self._position_seconds += step_seconds
                self._frame_seconds = step_seconds
                return True
        declared_seconds = float(raw.duration * raw.time_base)
        if 0.0 < declared_seconds <= STEP_SECONDS_MAX:
            self._frame_seconds = declared_seconds
        self._position_seconds += self._frame_seconds
        return False

    def _wall_clock(self, arrived_at: datetime) -> datetime:
        """The arrival, with the network's jitter smoothed out by the positions."""
        at = arrived_at
        if self._anchor_at is not None:
            at = self._anchor_at + timedelta(seconds=self._position_seconds - self._anchor_seconds)
        if self._anchor_at is None or abs((at - arrived_at).total_seconds()) > DRIFT_SECONDS_MAX:
            at = self._anchor_at = arrived_at
            self._anchor_seconds = self._position_seconds
        self._last_at = at if self._last_at is None else max(at, self._last_at)
        return self._last_at
