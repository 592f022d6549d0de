"""Plates straightened: the quadrilateral a plate fills in a picture becomes the reader's upright rectangle."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Corners = NDArray[np.float32]
"""4 x 2, in pixels: top left, top right, bottom right, bottom left."""
Luma = NDArray[np.uint8]
"""H x W: the Y plane of a frame."""

_CLIPPED = 0.04
_CONTRAST_MIN = 8

MARGIN_X, MARGIN_Y = 0.03, 0.10
"""How much of the surroundings stays around the plate, as a share of its width and height."""


def rectify(luma: Luma, corners: Corners, width_px: int, height_px: int) -> Luma:
    """The plate inside `corners` and a small margin, as `height_px` x `width_px`, its contrast stretched."""
    left, top = np.floor(corners.min(axis=0) - 0.2 * np.ptp(corners, axis=0)).astype(int).clip(min=0)
    right, bottom = np.ceil(corners.max(axis=0) + 0.2 * np.ptp(corners, axis=0)).astype(int) + 1
    part = Image.fromarray(np.ascontiguousarray(luma[top:bottom, left:right]))
    local = corners - np.array([left, top], dtype=np.float32)
    shrink = max(1, round(float(np.linalg.norm(local[1] - local[0])) / (1.2 * width_px)))
    if shrink > 1:
        part = part.reduce(shrink)
        local = (local / shrink).astype(np.float32)
    coefficients = perspective(upright(width_px, height_px), local)
    warped = part.transform((width_px, height_px), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    return stretch(np.asarray(warped))


def upright(width_px: int, height_px: int) -> Corners:
    """Where the plate's corners come to lie in a rectified picture of that size."""
    x, y = MARGIN_X * width_px, MARGIN_Y * height_px
    return np.array([[x, y], [width_px - x, y], [width_px - x, height_px - y], [x, height_px - y]], dtype=np.float32)


def stretch(luma: Luma) -> Luma:
    """The same picture with its darkest and brightest twenty-fifth at black and white."""
    counted = np.cumsum(np.bincount(luma.reshape(-1), minlength=256))
    low, high = (int(np.searchsorted(counted, share * luma.size)) for share in (_CLIPPED, 1 - _CLIPPED))
    tones = (np.arange(256, dtype=np.float32) - low) * (255.0 / max(_CONTRAST_MIN, high - low))
    result: Luma = tones.clip(0, 255).astype(np.uint8)[luma]
    return result


def perspective(source: Corners, target: Corners) -> tuple[float, ...]:
    """Pillow's eight coefficients of the homography that maps each `source` corner to its `target` corner."""
    rows = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    solution = np.linalg.solve(np.array(rows, dtype=np.float64), target.astype(np.float64).reshape(8))
    return tuple(float(value) for value in solution)
