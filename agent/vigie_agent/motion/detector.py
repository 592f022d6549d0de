"""Motion from grids, sans I/O: what moves in the scene, lasts, and ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from vigie_agent.camera_settings import MotionSettings
from vigie_agent.motion.grid import Grid, Mask
from vigie_agent.motion.scene import Scene
from vigie_agent.motion.zones import Area, watched_cells

Box = tuple[float, float, float, float]

CONFIRM_SECONDS: Final = 1.0
"""Motion is seen twice within this; where pictures are as far apart as this, once is enough."""
_NEXT_SECONDS: Final = 0.55
"""While it lasts, two pictures so close must agree."""
_LATE: Final = 0.95


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

    def __init__(self, settings: MotionSettings, zones: Sequence[Area] = (), masks: Sequence[Area] = ()) -> None:
        self._settings = settings
        self._zones, self._masks = zones, masks
        self._watched: Mask | None = None
        self._scene: Scene | None = None
        self._position_seconds = 0.0
        self._hit_at_seconds: float | None = None
        self._moved_at_seconds: float | None = None
        self._peak_score = 0.0
        self._whole: Box = (0.0, 0.0, 0.0, 0.0)
        self.region: Box | None = None
        """Where it moved in the newest picture; None where nothing did."""

    @property
    def is_moving(self) -> bool:
        """Whether a motion has started and not ended."""
        return self._moved_at_seconds is not None

    @property
    def is_in_doubt(self) -> bool:
        """Whether something moved in the newest pictures, once, and nothing has started."""
        hit_at = self._hit_at_seconds
        return not self.is_moving and hit_at is not None and self._position_seconds - hit_at <= CONFIRM_SECONDS

    def looks_moving(self, position_seconds: float, grid: Grid) -> bool:
        """Whether something may move, or all changed: half of what counts is worth a look; nothing is learnt."""
        if self._scene is None or self._scene.shape != grid.shape:
            return False
        moving, has_changed = self._scene.looks(position_seconds, grid)
        return has_changed or self._score(moving) >= self._settings.cells_min / 2

    def feed(self, position_seconds: float, grid: Grid) -> list[MotionChange]:
        """Judge the picture at `position_seconds`."""
        if self._scene is None or self._scene.shape != grid.shape:
            self._scene = Scene(self._settings, position_seconds, grid)
            rows, columns = grid.shape
            self._watched = watched_cells((rows, columns), self._zones, self._masks)
            self._position_seconds = position_seconds
            return []
        elapsed_seconds = position_seconds - self._position_seconds
        self._position_seconds = position_seconds
        moving = self._scene.feed(position_seconds, grid)
        score = self._score(moving)
        is_hit = score >= self._settings.cells_min
        self.region = self._bounds(moving) if is_hit else None
        if self._moved_at_seconds is None:
            return self._start(position_seconds, score, elapsed_seconds) if is_hit else []
        if is_hit:
            self._go_on(position_seconds, score, elapsed_seconds)
        elif position_seconds - self._moved_at_seconds >= self._settings.quiet_seconds:
            return self._end()
        return []

    def finish(self) -> list[MotionChange]:
        """No pictures follow: a motion that has not ended ends where something last moved."""
        self._scene = None
        self._hit_at_seconds = None
        return self._end()

    def _start(self, position_seconds: float, score: float, elapsed_seconds: float) -> list[MotionChange]:
        first, self._hit_at_seconds = self._hit_at_seconds, position_seconds
        is_second = first is not None and position_seconds - first <= CONFIRM_SECONDS
        if not is_second and elapsed_seconds < CONFIRM_SECONDS * _LATE:
            return []
        begun_at = first if is_second and first is not None else position_seconds
        self._moved_at_seconds, self._peak_score = position_seconds, score
        self._whole = self.region or self._whole
        return [MotionChange("started", begun_at, score, self._whole)]

    def _go_on(self, position_seconds: float, score: float, elapsed_seconds: float) -> None:
        before, self._hit_at_seconds = self._hit_at_seconds, position_seconds
        is_near = before is not None and position_seconds - before <= _NEXT_SECONDS
        if not is_near and elapsed_seconds < CONFIRM_SECONDS * _LATE:
            return
        self._moved_at_seconds = position_seconds
        self._peak_score = max(self._peak_score, score)
        if self.region is not None:
            self._whole = _union(self._whole, self.region)

    def _end(self) -> list[MotionChange]:
        if self._moved_at_seconds is None:
            return []
        ended = MotionChange("ended", self._moved_at_seconds, self._peak_score, self._whole)
        self._moved_at_seconds = self.region = None
        return [ended]

    def _score(self, moving: Mask) -> float:
        return float(np.count_nonzero(moving if self._watched is None else moving & self._watched))

    def _bounds(self, moving: Mask) -> Box:
        return bounds(moving if self._watched is None else moving & self._watched)


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
