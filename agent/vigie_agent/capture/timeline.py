"""One camera's timeline: positions that never run backwards, whatever the source's timestamps do."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final

from vigie_agent.capture.packets import Packet, RawPacket

STEP_SECONDS_MAX: Final = 5.0
"""A longer step between two timestamps is the source's error, not time that passed."""
LATE_SECONDS_MAX: Final = 1.0
"""A packet that comes later than this was not only delayed by the network: the camera's clock drifts."""
_FRAME_SECONDS_UNKNOWN: Final = 0.04


class Timeline:
    """Stamps raw packets with a position and a wall-clock time."""

    def __init__(self) -> None:
        self._position_seconds = 0.0
        self._frame_seconds = _FRAME_SECONDS_UNKNOWN
        self._dts: int | None = None
        self._is_first = True
        self._anchor_at: datetime | None = None
        self._anchor_seconds = 0.0
        self._last_at: datetime | None = None

    def resume(self, missed_seconds: float = 0.0) -> None:
        """The source starts anew (a loop, a reconnect); `missed_seconds` went by without packets."""
        self._dts = None
        self._position_seconds += max(0.0, missed_seconds)

    def position_of(self, raw: RawPacket) -> float:
        """Where `raw` would come if it were stamped next."""
        return self._position_seconds + self._step(raw)[0]

    def stamp(self, raw: RawPacket, arrived_at: datetime) -> Packet:
        """`raw` on this camera's timeline."""
        step_seconds, follows = self._step(raw)
        self._position_seconds += step_seconds
        self._frame_seconds = step_seconds or self._frame_seconds
        self._is_first, self._dts = False, _decode_time(raw)
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
            camera_unix_seconds=raw.camera_unix_seconds,
        )

    def _step(self, raw: RawPacket) -> tuple[float, bool]:
        """Seconds from the packet before, and whether the source's timestamps say so."""
        if self._is_first:
            return 0.0, True
        dts = _decode_time(raw)
        if dts is not None and self._dts is not None:
            step_seconds = _seconds(dts - self._dts, raw.time_base)
            if 0.0 < step_seconds <= STEP_SECONDS_MAX:
                return step_seconds, True
        declared_seconds = _seconds(raw.duration, raw.time_base)
        return declared_seconds if 0.0 < declared_seconds <= STEP_SECONDS_MAX else self._frame_seconds, False

    def _wall_clock(self, arrived_at: datetime) -> datetime:
        """The arrival, with the network's jitter smoothed out by the positions: no picture is from the future."""
        at = arrived_at
        if self._anchor_at is not None:
            at = self._anchor_at + timedelta(seconds=self._position_seconds - self._anchor_seconds)
        late_seconds = (arrived_at - at).total_seconds()
        if self._anchor_at is None or not 0.0 <= late_seconds <= LATE_SECONDS_MAX:
            at = self._anchor_at = arrived_at
            self._anchor_seconds = self._position_seconds
        self._last_at = at if self._last_at is None else max(at, self._last_at)
        return self._last_at


def _decode_time(raw: RawPacket) -> int | None:
    return raw.dts if raw.dts is not None else raw.pts


def _seconds(ticks: int, time_base: Fraction) -> float:
    """The same as a Fraction's product, at a tenth of its cost: this runs for every packet."""
    return ticks * time_base.numerator / time_base.denominator
