"""A place as it looks when nothing moves, learnt from grids: its light, each cell's noise, its edges.

What is left when all that has been taken away moves. Sans I/O; any rate of pictures, steady or not.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from vigie_agent.camera_settings import MotionSettings
from vigie_agent.motion.grid import Grid, Mask, highest
from vigie_agent.motion.sway import Sway

QUIET_SECONDS: Final = 20.0
"""Time constant of the background: a parked car belongs to it after this."""
COVERED_SECONDS: Final = 120.0
"""The same where something sways."""
PASSING_SECONDS: Final = 1200.0
"""The same where something passes: who walks to and fro all day stays somebody who walks."""
FAST_SECONDS: Final = 0.5
"""Time constant of the recent past, by which moving is told from merely being new."""
SWING_SECONDS: Final = 25.0
"""Time constant of a cell's swing: how far its noise, its leaves or its digits take it, 17 times of 20 (85 %)."""
LIGHT_SECONDS: Final = 1.0
"""How long a change of the light leaves doubt about the brightest and the darkest cells."""
YOUNG_SECONDS: Final = 15.0
"""Until a scene is so old, only what has just come to a place moves: leaves have not been learnt yet."""
BLIND_SECONDS: Final = 1.5
"""Until then nothing can be told from leaves."""
SETTLING_SECONDS: Final = 3.0
"""How long a camera takes to expose anew once it has switched between day and night."""
SOLID_CELLS: Final = 4
"""A cell counts where so many of it and its eight neighbours changed: not noise, rain, or a shaken edge."""
STRONG_FACTOR: Final = 2.0
LINE_CELLS: Final = 3
"""Of cells that changed by so much, so many will do."""
SWITCHED_SHARE: Final = 0.5
"""When more of the picture changes at once, the light was switched or the camera turned."""
STEADY_SHARE: Final = 0.2
CONTRAST_SHARE: Final = 0.08
"""A cell may change by so much of the contrast around it: lenses breathe, masts sway by a pixel."""
_SWING_INITIAL, _SWING_MIN = 2.5, 0.4
_GAP_SECONDS_MAX: Final = 10.0
_CONTOURS_SECONDS: Final = 1.0
_SURGE_MAX: Final = 3.0
_EDGES_MIN: Final = 20


@dataclass(frozen=True, slots=True)
class _Contours:
    """What changes slowly: `contrast` is brightest less darkest around a cell, `swing` the largest around it."""

    at_seconds: float
    contrast: Grid
    swing: Grid
    usual: Grid
    """How much a cell may differ in a place without leaves."""
    edges: Mask
    """Cells of the strongest contrast, among every second row and column."""


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture against the place: its difference in the same light, and how much each cell may differ."""

    past: Grid
    recent: Grid
    change: Grid
    limit: Grid
    light: Grid
    """How much the light has changed since the picture before."""
    spread_share: float
    """Share of cells that changed, whatever the reason."""
    is_steady: bool
    """Nothing shakes or pours: what is seen may be learnt as the place's noise."""

    def is_strong(self) -> Mask:
        """Cells that changed far more than they may."""
        strong: Mask = self.change > np.float32(STRONG_FACTOR) * self.limit
        return strong


class Scene:
    """Feeds on grids of one size."""

    def __init__(self, settings: MotionSettings, position_seconds: float, grid: Grid) -> None:
        self._contrast_min = np.float32(settings.contrast_min)
        self._noise_factor = settings.noise_factor
        self._swing = np.full_like(grid, _SWING_INITIAL)
        self._spread_share = 0.0
        self._settled_at_seconds = -math.inf
        self._compared: tuple[Grid, _Picture] | None = None
        self._begin(position_seconds, grid)

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the grids."""
        return self._slow.shape

    def looks(self, position_seconds: float, grid: Grid) -> tuple[Mask, bool]:
        """The cells that seem to move, and whether all of the picture seems changed; nothing is learnt."""
        picture = self._compare(position_seconds, grid)
        return solid(self._fresh(grid, picture)[0], picture.is_strong()), picture.spread_share > SWITCHED_SHARE

    def feed(self, position_seconds: float, grid: Grid) -> Mask:
        """The cells that move; the rest teaches what the place looks like."""
        picture = self._compare(position_seconds, grid)
        self._compared = None
        elapsed_seconds = min(max(position_seconds - self._position_seconds, 0.0), _GAP_SECONDS_MAX)
        if self._has_switched(position_seconds, picture.spread_share):
            self._begin(position_seconds, grid)
            np.maximum(self._swing, np.float32(_SWING_INITIAL), out=self._swing)
            return np.zeros(grid.shape, np.bool_)
        fresh, beyond = self._fresh(grid, picture)
        moving = solid(fresh, picture.is_strong())
        self._learn(position_seconds, grid, picture, moving, beyond & ~fresh, elapsed_seconds)
        if position_seconds < self._settled_at_seconds:
            return np.zeros(grid.shape, np.bool_)
        return self._told_from_leaves(position_seconds, moving)

    def _told_from_leaves(self, position_seconds: float, moving: Mask) -> Mask:
        """In a young scene, what of `moving` cannot be leaves: they go on changing where they are."""
        age_seconds = position_seconds - self._begun_seconds
        if age_seconds >= YOUNG_SECONDS or not moving.any():
            return moving
        if age_seconds < BLIND_SECONDS:
            return np.zeros_like(moving)
        return solid(moving & self._sway.has_just_come())

    def _begin(self, position_seconds: float, grid: Grid) -> None:
        self._position_seconds = self._begun_seconds = position_seconds
        self._slow, self._fast = grid.copy(), grid.copy()
        self._doubt = np.zeros_like(grid)
        self._sway = Sway(grid)
        self._contours: _Contours | None = None
        self._compared = None

    def _has_switched(self, position_seconds: float, spread_share: float) -> bool:
        """Half the picture at once is light, or a turned camera; what comes close covers it by and by."""
        before, self._spread_share = self._spread_share, spread_share
        if position_seconds < self._settled_at_seconds:
            return spread_share > STEADY_SHARE
        if spread_share <= SWITCHED_SHARE or before >= STEADY_SHARE:
            return False
        self._settled_at_seconds = position_seconds + SETTLING_SECONDS
        self._spread_share = 0.0
        return True

    def _compare(self, position_seconds: float, grid: Grid) -> _Picture:
        """`looks` and then `feed` of the same picture compare it once."""
        if self._compared is None or self._compared[0] is not grid:
            self._compared = (grid, self._compared_anew(position_seconds, grid))
        return self._compared[1]

    def _compared_anew(self, position_seconds: float, grid: Grid) -> _Picture:
        gain, offset = light_between(self._slow, grid)
        past, recent = self._slow * gain + offset, self._fast * gain + offset
        change = np.abs(grid - past)
        contours = self._contours_at(position_seconds)
        shake = self._shake(change, contours)
        plain = np.maximum(self._contrast_min, np.float32(self._noise_factor) * contours.swing)
        plain += np.float32(CONTRAST_SHARE) * contours.contrast
        surge = self._surge(change)
        light = np.abs(past - self._slow)
        fading = np.float32(math.exp(-max(0.0, position_seconds - self._position_seconds) / LIGHT_SECONDS))
        limit = plain + self._doubt * fading + np.float32(0.6) * light
        if surge > 1.0:
            limit += np.float32((surge - 1.0) * self._noise_factor) * contours.swing
        if shake > 0.0:
            limit += np.float32(shake) * contours.contrast
        spread_share = float(np.count_nonzero(change > plain)) / change.size
        return _Picture(past, recent, change, limit, light, spread_share, shake < 0.15 and surge < 2.5)

    def _fresh(self, grid: Grid, picture: _Picture) -> tuple[Mask, Mask]:
        """Cells that changed and go on changing, and all that changed."""
        beyond = picture.change > picture.limit
        if not beyond.any():
            return beyond, beyond
        lately = np.abs(grid - picture.recent)
        enough = np.maximum(np.float32(0.7) * picture.limit, np.float32(0.3) * picture.change)
        return beyond & (lately > enough), beyond

    def _learn(
        self,
        position_seconds: float,
        grid: Grid,
        picture: _Picture,
        moving: Mask,
        parked: Mask,
        elapsed_seconds: float,
    ) -> None:
        age_seconds = position_seconds - self._begun_seconds
        quiet = _rate(elapsed_seconds, min(QUIET_SECONDS, max(1.0, age_seconds)))  # A young scene is learnt faster.
        usual = self._contours_at(position_seconds).usual
        passing = self._sway.feed(picture.change, np.abs(grid - picture.recent), usual, elapsed_seconds)
        covered = np.where(passing, _rate(elapsed_seconds, PASSING_SECONDS), _rate(elapsed_seconds, COVERED_SECONDS))
        rates = np.where(moving, covered, quiet)
        self._slow = picture.past + rates * (grid - picture.past)
        self._fast = picture.recent + _rate(elapsed_seconds, FAST_SECONDS) * (grid - picture.recent)
        fading = np.float32(math.exp(-elapsed_seconds / LIGHT_SECONDS))
        self._doubt = self._doubt * fading + np.float32(0.6) * picture.light
        self._position_seconds = position_seconds
        if picture.is_steady:
            self._swing_towards(picture.change, parked | passing, elapsed_seconds, age_seconds)

    def _swing_towards(self, change: Grid, ignored: Mask, elapsed_seconds: float, age_seconds: float) -> None:
        """Far upwards for a change beyond the swing, a little down for one within: so it rests at a high quantile.

        What has parked or passes does not move it; what never rests does.
        """
        young = min(1.0, max(0.1, age_seconds / SWING_SECONDS))
        step = np.float32(min(0.5, 3.0 * elapsed_seconds / (SWING_SECONDS * young)))
        swing = self._swing
        up = np.float32(0.85) * step * np.minimum(change - swing, swing + np.float32(1))
        moved = np.where(change > swing, up, np.float32(-0.09) * step * swing)
        moved[ignored] = 0
        self._swing = np.maximum(swing + moved, np.float32(_SWING_MIN))

    def _contours_at(self, position_seconds: float) -> _Contours:
        known = self._contours
        if known is not None and abs(position_seconds - known.at_seconds) < _CONTOURS_SECONDS:
            return known
        low, high = _lowest(self._slow), highest(self._slow)
        contrast = high - low
        sampled = contrast[::2, ::2]
        edges = sampled >= max(8.0, _quantile(sampled, 0.85))
        noise = _quantile(self._swing[::2, ::2], 0.5)
        usual = np.float32(CONTRAST_SHARE) * contrast
        usual += np.maximum(self._contrast_min, np.float32(self._noise_factor * noise))
        self._contours = _Contours(position_seconds, contrast, highest(self._swing), usual, edges)
        return self._contours

    def _shake(self, change: Grid, contours: _Contours) -> float:
        """How far edges moved, as the share of their contrast by which three of four changed."""
        if np.count_nonzero(contours.edges) < _EDGES_MIN:
            return 0.0
        ratios = change[::2, ::2][contours.edges] / contours.contrast[::2, ::2][contours.edges]
        return min(1.0, max(0.0, 2.2 * (_quantile(ratios, 0.75) - 0.03)))

    def _surge(self, change: Grid) -> float:
        """How many times noisier than learnt all cells are at once: rain sets in, a gain goes up."""
        ratios = change[::2, ::2] / self._swing[::2, ::2]
        return min(_SURGE_MAX, max(1.0, 0.7 * _quantile(ratios, 0.75)))


def light_between(past: Grid, grid: Grid) -> tuple[np.float32, np.float32]:
    """The gain and offset that lead from `past` to `grid` in most cells, whatever the others do."""
    x, y = past[1::3, ::3].ravel(), grid[1::3, ::3].ravel()  # One cell of nine tells the light as well.
    gain, offset = 1.0, _quantile(y - x, 0.5)
    for _round in range(2):
        error = np.abs(y - (np.float32(gain) * x + np.float32(offset)))
        kept = error <= max(1.0, 2.0 * _quantile(error, 0.5))
        gain, offset = _line(x[kept], y[kept])
    return np.float32(gain), np.float32(offset)


def _line(x: Grid, y: Grid) -> tuple[float, float]:
    """Least squares; a picture without contrast only has an offset."""
    mean_x, mean_y = float(np.add.reduce(x)) / x.size, float(np.add.reduce(y)) / y.size
    centred = x - np.float32(mean_x)
    variance = float(np.dot(centred, centred))
    gain = float(np.dot(centred, y - np.float32(mean_y))) / variance if variance > x.size else 1.0
    gain = min(max(gain, 0.25), 4.0)
    return gain, mean_y - gain * mean_x


def solid(mask: Mask, strong: Mask | None = None) -> Mask:
    """`mask` without cells that stand alone or in thin lines; where `strong`, a short line is a person far off."""
    if not mask.any():
        return mask
    padded = np.zeros((mask.shape[0] + 2, mask.shape[1] + 2), np.uint8)
    padded[1:-1, 1:-1] = mask
    columns = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    around: npt.NDArray[np.uint8] = columns[:-2] + columns[1:-1] + columns[2:]
    kept: Mask = around >= SOLID_CELLS
    if strong is not None:
        kept |= strong & (around >= LINE_CELLS)
    kept &= mask
    return kept


def _lowest(grid: Grid) -> Grid:
    return -highest(-grid)


def _quantile(values: Grid, share: float) -> float:
    flat = values.ravel()
    index = int(share * (flat.size - 1))
    return float(np.partition(flat, index)[index])


def _rate(elapsed_seconds: float, constant_seconds: float) -> np.float32:
    return np.float32(1.0 - math.exp(-elapsed_seconds / constant_seconds))
