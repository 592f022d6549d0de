"""What sways, told from what passes: leaves go on changing where they are, whoever walks is soon elsewhere.

Sans I/O; feeds on pictures at any rate, keyframes or all.
"""

from typing import Final

import numpy as np

from vigie_agent.motion.grid import Grid, Mask, highest

SWAY_SECONDS: Final = 4.0
"""What goes on changing at a place for so long sways there; a person crosses a cell in a fraction of it."""
NEW_SECONDS: Final = 1.0
"""What has changed at a place for no longer has only just come there."""
_SECONDS_MAX: Final = 8.0
_REST_FACTOR: Final = 2
"""Time at rest counts backwards, so many times as fast."""
_ALIVE_SHARE: Final = 0.5
"""Something still changes where it differs from the recent past by so much of what a cell may differ."""


class Sway:
    """How long each cell, or one beside it, has gone on changing; time at rest counts backwards, twice.

    So a place that what comes and goes covers for less than two thirds of the time does not sway, however often it is
    passed: a busy road stays a road.
    """

    def __init__(self, grid: Grid) -> None:
        self._seconds = np.zeros_like(grid)
        self._seconds_before = self._seconds

    def feed(self, change: Grid, lately: Grid, usual: Grid, elapsed_seconds: float) -> Mask:
        """The cells changed by what passes; `lately` is the difference from the recent past.

        What differs but has stopped changing, a parked car, counts neither way.
        """
        large: Mask = change > usual
        self._seconds_before = self._seconds
        if not large.any() and not self._seconds.any():
            return large
        trend = np.where(large, np.where(lately < np.float32(_ALIVE_SHARE) * usual, 0, 1), -_REST_FACTOR).astype(
            np.float32
        )
        seconds = self._seconds + np.float32(elapsed_seconds) * highest(trend)
        self._seconds = np.clip(seconds, 0, np.float32(_SECONDS_MAX), out=seconds)
        passing: Mask = large & (seconds < SWAY_SECONDS)
        return passing

    def has_just_come(self) -> Mask:
        """Cells at and around which nothing had gone on changing before the newest picture."""
        new: Mask = highest(self._seconds_before) < NEW_SECONDS
        return new
