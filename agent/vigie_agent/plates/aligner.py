"""Where exactly a plate lies, seen from near, and of which layout it is: what comes between finding and reading."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.plates.rectify import Corners, Luma, Points, corners_of, tones
from vigie_agent.plates.runtime import MODELS, Network, Weights, load_network

Layout = Literal["civil", "provisional", "state", "dashed", "two-line", "moped", "foreign", "none"]
"""What the whole of a plate looks like. `two-line` is a civil one; `none` is no plate at all."""
LAYOUTS: Final[tuple[Layout, ...]] = get_args(Layout)

POINTS: Final = 6
WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX = 128, 64
_AROUND_PLATE, _AROUND_BOX = (1.5, 2.0), (1.12, 1.12)
_FLATTEST, _TALLEST = 3.5, 1.5
_OUTSIDE = 128
_NO_PLATE_FROM = 0.2
"""Of the drawn plates that are read right, three in a thousand are beyond it; of the signs that are found, a third."""
_FAR = 0.3
"""Of the plate's height: a look from elsewhere has told another place, and is to be checked by one more."""


@dataclass(frozen=True)
class Window:
    """A parallelogram of a picture: its upper left corner, the way to the upper right one, and to the lower left."""

    origin: NDArray[np.float32]
    across: NDArray[np.float32]
    down: NDArray[np.float32]

    @classmethod
    def around(cls, corners: Corners, *, boxed: bool = False) -> Self:
        """What is looked at where a plate is supposed to lie: wide of its corners, but hardly of a box around it."""
        across = (corners[1] + corners[2] - corners[0] - corners[3]) / 2
        down = (corners[2] + corners[3] - corners[0] - corners[1]) / 2
        wide, high = max(1.0, math.hypot(*across.tolist())), max(1.0, math.hypot(*down.tolist()))
        more_across, more_down = _AROUND_BOX if boxed else _AROUND_PLATE
        width = max(more_across * wide, more_down * high * _TALLEST)
        height = max(more_down * high, width / _FLATTEST)
        across, down = across * np.float32(width / wide), down * np.float32(height / high)
        middle = corners.sum(axis=0) / np.float32(4)
        return cls((middle - (across + down) / 2).astype(np.float32), across, down)

    def picture(self, luma: Luma) -> Luma:
        """What is in it, its contrast stretched; grey where the picture has ended."""
        (x, y), (a, d), (b, e) = self.origin.tolist(), self.across.tolist(), self.down.tolist()
        left, top = max(0, math.floor(x + min(0, a, b, a + b))), max(0, math.floor(y + min(0, d, e, d + e)))
        right, bottom = math.ceil(x + max(0, a, b, a + b)) + 1, math.ceil(y + max(0, d, e, d + e)) + 1
        part = np.ascontiguousarray(luma[top : max(top, bottom), left : max(left, right)])
        if not part.size:
            return np.full((WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX), _OUTSIDE, dtype=np.uint8)
        spare = min(math.hypot(a, d) / WINDOW_WIDTH_PX, math.hypot(b, e) / WINDOW_HEIGHT_PX)
        image, shrink = Image.fromarray(part), max(1, int(spare / 1.2))
        image = image.reduce(shrink) if shrink > 1 else image
        image = image.point(tones(image.histogram()).tolist())
        wide, high = WINDOW_WIDTH_PX * shrink, WINDOW_HEIGHT_PX * shrink
        steps = (a / wide, b / high, (x - left) / shrink, d / wide, e / high, (y - top) / shrink)
        size, smooth = (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX), Image.Resampling.BILINEAR
        return np.asarray(image.transform(size, Image.Transform.AFFINE, steps, smooth, fillcolor=_OUTSIDE))

    def outwards(self, points: Points) -> Points:
        """Places in the picture of `points`, which go from 0 to 1 across and down the window."""
        placed: Points = self.origin + points[:, :1] * self.across + points[:, 1:] * self.down
        return placed

    def inwards(self, points: Points) -> Points:
        """The inverse of `outwards`."""
        solved: Points = np.linalg.solve(np.stack([self.across, self.down], axis=1), (points - self.origin).T).T
        return solved


@dataclass(frozen=True)
class Aligned:
    """A plate's six points in the picture, and how likely each layout is."""

    points: Points
    layouts: dict[Layout, float]

    @property
    def is_plate(self) -> bool:
        """Whether it may be a plate at all: a name, a lamp or a grille looks like none from near."""
        return self.layouts["none"] < _NO_PLATE_FROM

    def moved(self, scale: float, origin: tuple[int, int]) -> "Aligned":
        """The same in pixels of the whole, where it was told in a part: shrunk by `scale`, from `origin`."""
        return Aligned(self.points * np.float32(scale) + np.array(origin, dtype=np.float32), self.layouts)


class Aligner:
    """Tells from near where the points of a plate lie that a detector has told roughly."""

    def __init__(self, folder: Path = MODELS, weights: Weights = "auto") -> None:
        self._network = load_network("aligner", folder, weights)

    @property
    def network(self) -> Network:
        """What it looks with."""
        return self._network

    def align(self, luma: Luma, corners: Corners) -> Aligned:
        """The plate in or around `corners`; where they are only a box, what two looks tell between them."""
        first = self.look(luma, corners)
        if not is_upright(corners):
            return first
        second = self.look(luma, corners_of(first.points))
        if _apart(first.points, second.points) > _FAR:
            first, second = second, self.look(luma, corners_of(second.points))
        return Aligned((first.points + second.points) / np.float32(2), second.layouts)

    def look(self, luma: Luma, corners: Corners) -> Aligned:
        """The same from one look, which is enough where a detector has told the corners."""
        window = Window.around(corners, boxed=is_upright(corners))
        output = self._network.run(window.picture(luma))
        points = window.outwards(output[: 2 * POINTS].reshape(POINTS, 2))
        raised = np.exp(output[2 * POINTS :] - output[2 * POINTS :].max())
        chances = (raised / raised.sum()).tolist()
        return Aligned(points, dict(zip(LAYOUTS, chances, strict=True)))


def is_upright(corners: Corners) -> bool:
    """Whether the corners are exactly those of a box without a slope: nobody has told where in it the plate lies."""
    (left, top), _, (right, bottom), _ = corners
    return bool((corners == [[left, top], [right, top], [right, bottom], [left, bottom]]).all())


def _apart(one: Points, other: Points) -> float:
    """How far the points of two looks are from each other at most, in plate heights."""
    height = float(np.linalg.norm(other[5] - other[0] + other[3] - other[2])) / 2
    return float(np.linalg.norm(one - other, axis=1).max()) / max(1e-6, height)
