"""Motion from grids, sans I/O: the scene's light is followed, each cell's noise is learnt, what is left moves."""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from vigie_agent.camera_settings import MotionSettings
from vigie_agent.motion.grid import Grid

Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]

QUIET_SECONDS: Final = 20.0
"""Time constant of the background and of its noise: a parked car belongs to it after this."""
COVERED_SECONDS: Final = 120.0
"""The same where something moves."""
FAST_SECONDS: Final = 1.0
"""Time constant of the recent past, by which moving is told from merely being new."""
UNREST_SECONDS: Final = 60.0
"""Time constant of learning that a cell is never quiet: a tree, a flag, a flickering lamp."""
NOISE_INITIAL: Final = 2.5
SHAKE_CELLS: Final = 0.3
"""How far a camera on a mast may sway, in cells, without anything counting as moving."""
SOLID_CELLS: Final = 4
"""A cell counts where so many of it and its eight neighbours changed."""
SPREAD_SHARE: Final = 0.5
"""When more of the picture changes at once, the light was switched or the camera turned."""
_GAP_SECONDS_MAX: Final = 10.0


@dataclass(frozen=True, slots=True)
class MotionChange:
    """Motion started or ended at `position_seconds` of the camera's timeline."""

    kind: Literal["started", "ended"]
    position_seconds: float
    score: float
    """Cells that moved; the highest of the whole motion where it ended."""
    region: Box
    """Left, top, right, bottom of all that moved, as shares of the picture."""


class MotionDetector:
    """Feeds on grids of one size; `feed` may come at any rate, steady or not."""

    def __init__(self, settings: MotionSettings) -> None:
        self._settings = settings
        self._slow: Grid | None = None
        self._fast: Grid | None = None
        self._noise: Grid | None = None
        self._position_seconds = 0.0
        self._begun_seconds = 0.0
        self._was_spread = False
        self._moved_at_seconds: float | None = None
        self._peak_score = 0.0
        self._region: Box = (0.0, 0.0, 0.0, 0.0)

    @property
    def is_moving(self) -> bool:
        """Whether a motion has started and not ended."""
        return self._moved_at_seconds is not None

    def feed(self, position_seconds: float, grid: Grid) -> list[MotionChange]:
        """Judge the picture at `position_seconds`."""
        if self._slow is None or self._fast is None or self._noise is None or self._slow.shape != grid.shape:
            self._begin(position_seconds, grid)
            return []
        elapsed_seconds = min(max(position_seconds - self._position_seconds, 0.0), _GAP_SECONDS_MAX)
        self._position_seconds = position_seconds
        self._slow = follow_light(self._slow, grid)
        self._fast = follow_light(self._fast, grid)
        change = np.abs(grid - self._slow)
        limit = np.maximum(
            np.float32(self._settings.contrast_min), np.float32(self._settings.noise_factor) * self._noise
        )
        limit = np.maximum(limit, np.float32(SHAKE_CELLS) * contrast_of(self._slow))
        beyond = change > limit
        fresh = beyond & (np.abs(grid - self._fast) > np.float32(0.7) * limit)
        moving = solid(fresh)
        if self._is_switch(float(beyond.mean())):
            self._slow, self._fast = grid.copy(), grid.copy()
            return self._judge(position_seconds, np.zeros_like(moving))
        self._learn(grid, np.minimum(change, np.float32(3) * limit), beyond & ~fresh, moving, elapsed_seconds)
        return self._judge(position_seconds, moving)

    def finish(self) -> list[MotionChange]:
        """No pictures follow: a motion that has not ended ends where something last moved."""
        self._slow = None
        self._was_spread = False
        return self._end()

    def _begin(self, position_seconds: float, grid: Grid) -> None:
        self._position_seconds = self._begun_seconds = position_seconds
        self._slow, self._fast = grid.copy(), grid.copy()
        self._noise = np.full_like(grid, NOISE_INITIAL)

    def _is_switch(self, spread_share: float) -> bool:
        """A change of half the picture, once, is light; again at the next picture, it is something close by."""
        is_spread = spread_share > SPREAD_SHARE
        first, self._was_spread = is_spread and not self._was_spread, is_spread
        return first and not self.is_moving

    def _learn(self, grid: Grid, change: Grid, parked: Mask, moving: Mask, elapsed_seconds: float) -> None:
        """Move the background, the recent past and the noise towards this picture."""
        if self._slow is None or self._fast is None or self._noise is None:
            return
        quiet = np.float32(_rate(elapsed_seconds, self._learning_seconds(QUIET_SECONDS)))
        fast = np.float32(_rate(elapsed_seconds, FAST_SECONDS))
        covered = np.float32(_rate(elapsed_seconds, COVERED_SECONDS))
        unrest = np.float32(_rate(elapsed_seconds, UNREST_SECONDS))
        self._slow += np.where(moving, covered, quiet) * (grid - self._slow)
        self._fast += fast * (grid - self._fast)
        self._noise += np.where(moving, unrest, np.where(parked, np.float32(0), quiet)) * (change - self._noise)

    def _learning_seconds(self, constant_seconds: float) -> float:
        """A young scene is learnt faster: as the mean of all that was seen."""
        return min(constant_seconds, max(1.0, self._position_seconds - self._begun_seconds))

    def _judge(self, position_seconds: float, moving: Mask) -> list[MotionChange]:
        score = float(moving.sum())
        if self._moved_at_seconds is None:
            if score < self._settings.cells_min:
                return []
            self._moved_at_seconds, self._peak_score, self._region = position_seconds, score, bounds(moving)
            return [MotionChange("started", position_seconds, score, self._region)]
        if score >= self._settings.cells_min:
            self._moved_at_seconds = position_seconds
            self._peak_score = max(self._peak_score, score)
            self._region = _union(self._region, bounds(moving))
        elif position_seconds - self._moved_at_seconds >= self._settings.quiet_seconds:
            return self._end()
        return []

    def _end(self) -> list[MotionChange]:
        if self._moved_at_seconds is None:
            return []
        ended = MotionChange("ended", self._moved_at_seconds, self._peak_score, self._region)
        self._moved_at_seconds = None
        return [ended]


def follow_light(past: Grid, grid: Grid) -> Grid:
    """`past` in the light of `grid`: the gain and offset that fit most cells, whatever the others do."""
    x, y = past[::2, ::2].ravel(), grid[::2, ::2].ravel()  # A quarter of the cells tells the light as well.
    gain, offset = 1.0, float(np.median(y - x))
    for _round in range(2):
        error = np.abs(y - (gain * x + offset))
        kept = error <= max(1.0, 2.0 * float(np.median(error)))
        gain, offset = _line(x[kept], y[kept])
    return past * np.float32(gain) + np.float32(offset)


def _line(x: Grid, y: Grid) -> tuple[float, float]:
    """Least squares; a picture without contrast only has an offset."""
    mean_x, mean_y = float(x.mean()), float(y.mean())
    centred = x - mean_x
    variance = float(np.dot(centred, centred))
    gain = float(np.dot(centred, y - mean_y)) / variance if variance > x.size else 1.0
    gain = min(max(gain, 0.25), 4.0)
    return gain, mean_y - gain * mean_x


def solid(mask: Mask) -> Mask:
    """`mask` without cells that stand alone or in thin lines: those are noise, rain and shaken edges."""
    padded = np.pad(mask, 1).astype(np.uint8)
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    around: npt.NDArray[np.uint8] = columns[:-2] + columns[1:-1] + columns[2:]
    kept: Mask = mask & (around >= SOLID_CELLS)
    return kept


def contrast_of(grid: Grid) -> Grid:
    """Brightest less darkest of each cell and its eight neighbours: how much a shaken camera may change it."""
    padded = np.pad(grid, 1, mode="edge")
    high = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    low = np.minimum(np.minimum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    contrast: Grid = np.maximum(np.maximum(high[:-2], high[1:-1]), high[2:]) - np.minimum(
        np.minimum(low[:-2], low[1:-1]), low[2:]
    )
    return contrast


def bounds(mask: Mask) -> Box:
    """The box around all set cells, as shares of the picture; empty where there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return (0.0, 0.0, 0.0, 0.0)
    height, width = mask.shape
    return (
        float(columns[0]) / width,
        float(rows[0]) / height,
        (float(columns[-1]) + 1) / width,
        (float(rows[-1]) + 1) / height,
    )


def _union(a: Box, b: Box) -> Box:
    return (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))


def _rate(elapsed_seconds: float, constant_seconds: float) -> float:
    return 1.0 - math.exp(-elapsed_seconds / constant_seconds)
