"""Plates straightened: what a plate fills in a picture, at a slant or bent, becomes the reader's upright rectangle."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Corners = NDArray[np.float32]
"""4 x 2, in pixels: top left, top right, bottom right, bottom left."""
Points = NDArray[np.float32]
"""6 x 2, in pixels, clockwise too: top left, top middle, top right, bottom right, bottom middle, bottom left."""
Luma = NDArray[np.uint8]
"""H x W: the Y plane of a frame."""

_CLIPPED = 0.04
_CONTRAST_MIN = 8
_STRIPS = 6
_SMOOTH = Image.Resampling.BILINEAR

MARGIN_X, MARGIN_Y = 0.03, 0.10
"""How much of the surroundings stays around the plate, as a share of its width and height."""


def rectify(luma: Luma, points: Corners | Points, width_px: int, height_px: int) -> Luma:
    """The plate inside `points` and a small margin, as `height_px` x `width_px`, its contrast stretched.

    Four corners are straightened as a flat plate; six points also undo the bend of one that follows a bumper.
    """
    part, local = _neighbourhood(luma, points, width_px)
    coefficients = perspective(upright(width_px, height_px), corners_of(local))
    strips = _strips(coefficients, local, (width_px, height_px))
    return stretch(np.asarray(part.transform((width_px, height_px), Image.Transform.MESH, strips, _SMOOTH)))


def corners_of(points: Corners | Points) -> Corners:
    """The four corners among them."""
    return points if len(points) == 4 else points[[0, 2, 3, 5]]


def upright(width_px: int, height_px: int) -> Corners:
    """Where the plate's corners come to lie in a rectified picture of that size."""
    x, y = MARGIN_X * width_px, MARGIN_Y * height_px
    return np.array([[x, y], [width_px - x, y], [width_px - x, height_px - y], [x, height_px - y]], dtype=np.float32)


def stretch(luma: Luma) -> Luma:
    """The same picture with its darkest and brightest twenty-fifth at black and white."""
    return tones(luma)[luma]


def tones(luma: Luma) -> NDArray[np.uint8]:
    """For each of 256 levels of a picture, its level once the contrast is stretched."""
    counted = np.cumsum(np.bincount(luma.reshape(-1), minlength=256))
    low, high = (int(np.searchsorted(counted, share * luma.size)) for share in (_CLIPPED, 1 - _CLIPPED))
    levels = (np.arange(256, dtype=np.float32) - low) * (255.0 / max(_CONTRAST_MIN, high - low))
    result: NDArray[np.uint8] = levels.clip(0, 255).astype(np.uint8)
    return result


def perspective(source: Corners, target: Corners) -> tuple[float, ...]:
    """Pillow's eight coefficients of the homography that maps each `source` corner to its `target` corner."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solution = np.linalg.solve(np.array(rows, dtype=np.float64), target.astype(np.float64).reshape(8))
    return tuple(float(value) for value in solution)


def mapped(points: NDArray[np.float32], coefficients: tuple[float, ...]) -> NDArray[np.float32]:
    """Where `perspective`'s homography brings each of `points` (N x 2)."""
    matrix = np.array([*coefficients, 1.0]).reshape(3, 3)
    moved = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ matrix.T
    result: NDArray[np.float32] = (moved[:, :2] / moved[:, 2:]).astype(np.float32)
    return result


def _neighbourhood(luma: Luma, points: Points, width_px: int) -> tuple[Image.Image, Points]:
    """The picture around `points`, shrunk by a whole factor where it has pixels to spare, and where they lie in it."""
    least, most = points.min(axis=0), points.max(axis=0)
    left, top = np.floor(least - 0.2 * (most - least)).astype(int).clip(min=0)
    right, bottom = np.ceil(most + 0.2 * (most - least)).astype(int) + 1
    part = Image.fromarray(np.ascontiguousarray(luma[top:bottom, left:right]))
    local = points - np.array([left, top], dtype=np.float32)
    left_top, right_top = corners_of(local)[:2]
    shrink = max(1, round(float(np.linalg.norm(right_top - left_top)) / (1.2 * width_px)))
    if shrink == 1:
        return part, local
    return part.reduce(shrink), (local / shrink).astype(np.float32)


def _strips(
    coefficients: tuple[float, ...], points: Corners | Points, size: tuple[int, int]
) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Pillow's mesh: upright strips of the straightened plate, each with the quadrilateral that it is taken from.

    A plate of six points bends between its ends as far as its middles lie off the straight. Strips are cheaper than one
    perspective transform, which divides at every pixel.
    """
    width, height = size
    columns = [round(width * number / _STRIPS) for number in range(_STRIPS + 1)]
    top, bottom = MARGIN_Y * height, (1 - MARGIN_Y) * height
    edges = [(column, row) for row in (0, height) for column in columns]
    placed = mapped(np.array([*edges, (width / 2, top), (width / 2, bottom)], dtype=np.float32), coefficients)
    upper, lower = placed[: _STRIPS + 1], placed[_STRIPS + 1 : -2]
    if len(points) == 6:
        inside = (np.array(columns) / width - MARGIN_X) / (1 - 2 * MARGIN_X)
        share = (4 * inside * (1 - inside))[:, None]
        bend = points[[1, 4]] - placed[-2:]
        beyond = (bend[1] - bend[0]) * (MARGIN_Y / (1 - 2 * MARGIN_Y))
        upper, lower = upper + share * (bend[0] - beyond), lower + share * (bend[1] + beyond)
    quads = np.concatenate([upper[:-1], lower[:-1], lower[1:], upper[1:]], axis=1).tolist()
    boxes = ((left, 0, right, height) for left, right in pairwise(columns))
    return [(box, tuple(quad)) for box, quad in zip(boxes, quads, strict=True)]
