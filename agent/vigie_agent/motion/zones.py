"""Where in the picture motion counts: zones less masks, drawn in shares of the picture."""

from collections.abc import Sequence

import numpy as np

from vigie_agent.motion.grid import Mask

Corner = tuple[float, float]
Area = Sequence[Corner]
"""The corners of a polygon, as shares of width and height; two are the opposite corners of a rectangle."""


def watched_cells(shape: tuple[int, int], zones: Sequence[Area], masks: Sequence[Area]) -> Mask | None:
    """The cells of a grid of `shape` in any zone, all where there is none, and in no mask; None for all cells."""
    if not zones and not masks:
        return None
    watched = np.zeros(shape, np.bool_) if zones else np.ones(shape, np.bool_)
    for zone in zones:
        watched |= cells_in(shape, zone)
    for mask in masks:
        watched &= ~cells_in(shape, mask)
    return watched


def cells_in(shape: tuple[int, int], area: Area) -> Mask:
    """The cells whose middle lies in `area`, by the even-odd rule."""
    corners = _rectangle(*area) if len(area) == 2 else area
    rows, columns = shape
    y = ((np.arange(rows) + 0.5) / rows)[:, None]
    x = ((np.arange(columns) + 0.5) / columns)[None]
    inside = np.zeros(shape, np.bool_)
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return inside


def _rectangle(first: Corner, second: Corner) -> list[Corner]:
    (x1, y1), (x2, y2) = first, second
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]
