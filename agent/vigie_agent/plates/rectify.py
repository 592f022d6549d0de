"""Plates straightened: what a plate fills in a picture, at a slant or bent, becomes the reader's upright rectangle."""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Corners = NDArray[np.float32]
"""4 x 2, in pixels: top left, top right, bottom right, bottom left."""
Points = NDArray[np.float32]
"""6 x 2, in pixels, clockwise too: top left, top middle, top right, bottom right, bottom middle, bottom left."""
Luma = NDArray[np.uint8]
"""H x W: the Y plane of a frame."""

Place = tuple[float, float]

_CLIPPED = 0.04
_CONTRAST_MIN = 8
_STRIPS = 6
_LEVELS = np.arange(256, dtype=np.float32)
_SMOOTH = Image.Resampling.BILINEAR

MARGIN_X, MARGIN_Y = 0.03, 0.10
"""How much of the surroundings stays around the plate, as a share of its width and height."""


def rectify(luma: Luma, points: Corners | Points, width_px: int, height_px: int) -> Luma:
    """The plate inside `points` and a small margin, as `height_px` x `width_px`, its contrast stretched.

    Four corners are straightened as a flat plate; six points also undo the bend of one that follows a bumper.
    """
    part, local = _neighbourhood(luma, points, width_px)
    straight = part.transform((width_px, height_px), Image.Transform.MESH, _strips(local, width_px, height_px), _SMOOTH)
    result: Luma = tones(straight.histogram())[np.asarray(straight)]
    return result


def corners_of(points: Corners | Points) -> Corners:
    """The four corners among them."""
    return points if len(points) == 4 else points[[0, 2, 3, 5]]


def upright(width_px: int, height_px: int) -> Corners:
    """Where the plate's corners come to lie in a rectified picture of that size."""
    x, y = MARGIN_X * width_px, MARGIN_Y * height_px
    return np.array([[x, y], [width_px - x, y], [width_px - x, height_px - y], [x, height_px - y]], dtype=np.float32)


def stretch(luma: Luma) -> Luma:
    """The same picture with its darkest and brightest twenty-fifth at black and white."""
    return tones(np.bincount(luma.reshape(-1), minlength=256).tolist())[luma]


def tones(counts: Sequence[int]) -> NDArray[np.uint8]:
    """For each of 256 levels, which so many pixels of a picture have, its level once the contrast is stretched."""
    counted = list(accumulate(counts))
    low, high = (bisect_left(counted, share * counted[-1]) for share in (_CLIPPED, 1 - _CLIPPED))
    levels = (_LEVELS - np.float32(low)) * np.float32(255.0 / max(_CONTRAST_MIN, high - low))
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


def _neighbourhood(luma: Luma, points: Points, width_px: int) -> tuple[Image.Image, list[Place]]:
    """The picture around `points`, shrunk by a whole factor where it has pixels to spare, and where they lie in it."""
    places: list[Place] = points.tolist()
    (left, right), (top, bottom) = (_wide_of([place[axis] for place in places]) for axis in (0, 1))
    part = Image.fromarray(np.ascontiguousarray(luma[top:bottom, left:right]))
    (left_x, left_y), _middle, *_rest = places
    right_x, right_y = places[len(places) // 2 - 1]
    shrink = max(1, round(math.hypot(right_x - left_x, right_y - left_y) / (1.2 * width_px)))
    local = [((x - left) / shrink, (y - top) / shrink) for x, y in places]
    return part.reduce(shrink) if shrink > 1 else part, local


def _wide_of(places: Sequence[float]) -> tuple[int, int]:
    """From where to where a picture is needed that holds all of them, and a fifth more on both sides."""
    least, most = min(places), max(places)
    more = 0.2 * (most - least)
    return max(0, math.floor(least - more)), math.ceil(most + more) + 1


def _strips(
    points: Sequence[Place], width: int, height: int
) -> list[tuple[tuple[int, int, int, int], tuple[float, ...]]]:
    """Pillow's mesh: upright strips of the straightened plate, each with the quadrilateral that it is taken from.

    A plate of six points bends between its ends as far as its middles lie off the straight. Strips are cheaper than one
    perspective transform, which divides at every pixel.
    """
    half = len(points) // 2
    placed = _from_unit((points[0], points[half - 1], points[half], points[-1]))
    bends = [(0.0, 0.0), (0.0, 0.0)]
    if len(points) == 6:
        straight = placed(0.5, 0.0), placed(0.5, 1.0)
        bends = [(points[at][0] - x, points[at][1] - y) for at, (x, y) in zip((1, 4), straight, strict=True)]
    beyond = MARGIN_Y / (1 - 2 * MARGIN_Y)
    (upper_x, upper_y), (lower_x, lower_y) = bends
    more_x, more_y = (lower_x - upper_x) * beyond, (lower_y - upper_y) * beyond
    columns = [round(width * number / _STRIPS) for number in range(_STRIPS + 1)]
    edges = []
    for column in columns:
        across = (column / width - MARGIN_X) / (1 - 2 * MARGIN_X)
        share = 4 * across * (1 - across)
        (x, y), (under_x, under_y) = placed(across, -beyond), placed(across, 1 + beyond)
        upper = (x + share * (upper_x - more_x), y + share * (upper_y - more_y))
        edges.append((upper, (under_x + share * (lower_x + more_x), under_y + share * (lower_y + more_y))))
    pairs = zip(pairwise(columns), pairwise(edges), strict=True)
    return [((left, 0, right, height), (*one[0], *one[1], *two[1], *two[0])) for (left, right), (one, two) in pairs]


def _from_unit(corners: Sequence[Place]) -> Callable[[float, float], Place]:
    """The homography that brings the unit square's corners, clockwise from the origin, to `corners`."""
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    right_x, right_y, left_x, left_y = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    off_x, off_y = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = right_x * left_y - left_x * right_y or 1e-9
    g, h = (off_x * left_y - left_x * off_y) / area, (right_x * off_y - off_x * right_y) / area
    a, b, d, e = x1 - x0 + g * x1, x3 - x0 + h * x3, y1 - y0 + g * y1, y3 - y0 + h * y3

    def placed(across: float, down: float) -> Place:
        depth = g * across + h * down + 1
        return (a * across + b * down + x0) / depth, (d * across + e * down + y0) / depth

    return placed
