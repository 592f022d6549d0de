"""How a plate lies in a picture: four corners, and a bend along its own length, as bumpers give it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.plates.rectify import Corners, Points, perspective

Floats = NDArray[np.float64]
Part = tuple[float, float, float, float]
"""Left, top, right, bottom, in plate widths and heights; beyond 0 and 1 is beside the plate."""

WHOLE: Part = (0.0, 0.0, 1.0, 1.0)

_UNIT = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], dtype=np.float32)
_SIX = np.array([[0, 0], [0.5, 0], [1, 0], [1, 1], [0.5, 1], [0, 1]], dtype=np.float64)
_CELLS_ACROSS, _CELLS_DOWN = 16, 4
_ROUNDS = 3


@dataclass(frozen=True)
class Pose:
    """`bend_px` is how far the plate's middle lies below the straight line between its ends, down the plate."""

    corners: Corners
    bend_px: float = 0.0

    @property
    def points(self) -> Points:
        """Where the plate's corners and the middles of its long edges come to lie."""
        return self.placed(_SIX).astype(np.float32)

    def placed(self, flat: Floats) -> Floats:
        """Picture places of `flat` places, which go from 0 to 1 along and down the plate."""
        return _mapped(flat, self._outwards) + self._bent_by(flat[..., 0])

    def flat(self, places: Floats) -> Floats:
        """The inverse of `placed`."""
        found = _mapped(places, self._inwards)
        for _ in range(_ROUNDS if self.bend_px else 0):
            found = _mapped(places - self._bent_by(found[..., 0].clip(-0.4, 1.4)), self._inwards)
        return found

    def lay(self, plate: Image.Image, ground: Image.Image, part: Part = WHOLE) -> None:
        """Paste `plate` on `ground` where `part` of the plate lies in this pose, its edge smooth."""
        method, data = self._transform(ground.size, plate.size, part)
        smooth = Image.Resampling.BILINEAR
        mask = Image.new("L", plate.size, 255).transform(ground.size, method, data, smooth)
        ground.paste(plate.transform(ground.size, method, data, smooth), (0, 0), mask)

    def _bent_by(self, along: Floats) -> Floats:
        down = (self.corners[3] - self.corners[0] + self.corners[2] - self.corners[1]).astype(np.float64)
        moved: Floats = (4 * self.bend_px * along * (1 - along))[..., None] * down / max(1e-6, np.linalg.norm(down))
        return moved

    @cached_property
    def _inwards(self) -> tuple[float, ...]:
        return perspective(self.corners, _UNIT)

    @cached_property
    def _outwards(self) -> tuple[float, ...]:
        return perspective(_UNIT, self.corners)

    def _transform(self, size: tuple[int, int], plate_size: tuple[int, int], part: Part) -> tuple[Any, Any]:
        """Pillow's method and its data: a homography for a flat plate, a mesh of cells for a bent one."""
        corner = np.array(part[:2], dtype=np.float64)
        scale = np.array(plate_size) / (np.array(part[2:], dtype=np.float64) - corner)
        if not self.bend_px:
            rows = np.array([*self._inwards, 1.0]).reshape(3, 3)
            moved = (rows[:2] - corner[:, None] * rows[2]) * scale[:, None]
            return Image.Transform.PERSPECTIVE, (*moved.reshape(-1).tolist(), *rows[2, :2].tolist())
        across = np.linspace(0, size[0], _CELLS_ACROSS + 1).round().astype(int)
        down = np.linspace(0, size[1], _CELLS_DOWN + 1).round().astype(int)
        spots = (self.flat(np.stack(np.meshgrid(across, down), axis=-1).astype(np.float64)) - corner) * scale
        quads = np.concatenate([spots[:-1, :-1], spots[1:, :-1], spots[1:, 1:], spots[:-1, 1:]], axis=-1).tolist()
        x, y = across.tolist(), down.tolist()
        return Image.Transform.MESH, [
            ((x[column], y[row], x[column + 1], y[row + 1]), tuple(quads[row][column]))
            for row in range(_CELLS_DOWN)
            for column in range(_CELLS_ACROSS)
        ]


def _mapped(places: Floats, coefficients: tuple[float, ...]) -> Floats:
    a, b, c, d, e, f, g, h = coefficients
    x, y = places[..., 0], places[..., 1]
    return np.stack([a * x + b * y + c, d * x + e * y + f], axis=-1) / (g * x + h * y + 1)[..., None]
