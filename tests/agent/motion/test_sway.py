"""Who passes and what sways, cell by cell."""

from collections.abc import Callable

import numpy as np

from vigie_agent.motion.grid import Grid, Mask
from vigie_agent.motion.sway import Sway

USUAL = np.full((9, 40), 5.0, np.float32)
CELL = (4, 20)


def fed(change: Callable[[float], Grid], seconds: float, step_seconds: float = 0.2) -> tuple[Sway, Mask]:
    """A sway after so long, and which cells it last took for something that passes."""
    sway, before = Sway(USUAL), np.zeros_like(USUAL)
    passing = np.zeros(USUAL.shape, np.bool_)
    for at_seconds in np.arange(0.0, seconds, step_seconds):
        grid = change(float(at_seconds))
        passing = sway.feed(grid, np.abs(grid - before), USUAL, step_seconds)
        before = grid
    return sway, passing


def grid_with(columns: slice, height: float) -> Grid:
    grid = np.zeros_like(USUAL)
    grid[2:7, columns] = height
    return grid


def swaying(at_seconds: float) -> Grid:
    return grid_with(slice(18, 23), 20.0 + 19.0 * np.sin(at_seconds * 9))


def pacing(at_seconds: float) -> Grid:
    """Three cells wide, there and back in ten seconds."""
    left = round(34 * abs(2 * (at_seconds / 10 % 1) - 1))
    return grid_with(slice(left, left + 3), 30.0)


def test_leaves_sway_after_seconds_and_not_before() -> None:
    assert fed(swaying, 3.2)[1][CELL]
    assert not fed(swaying, 20.0)[1][CELL]


def test_who_paces_for_an_hour_still_passes() -> None:
    _sway, passing = fed(pacing, 3602.6)
    assert passing[CELL]


def test_who_paces_still_passes_where_only_keyframes_are_seen() -> None:
    _sway, passing = fed(pacing, 602.0, 2.0)
    assert passing.any()


def test_what_has_parked_counts_neither_way() -> None:
    _sway, passing = fed(lambda _at: grid_with(slice(18, 23), 30.0), 60.0)
    assert passing[CELL]


def test_what_comes_to_a_place_at_rest_has_just_come_and_what_sways_has_not() -> None:
    assert fed(pacing, 2.6)[0].has_just_come()[CELL]
    assert not fed(swaying, 2.6)[0].has_just_come()[CELL]


def test_a_place_forgets_that_it_swayed() -> None:
    sway, _passing = fed(swaying, 20.0)
    still = np.zeros_like(USUAL)
    for _step in range(50):
        sway.feed(still, still, USUAL, 0.2)
    assert sway.has_just_come().all()
