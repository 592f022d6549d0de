"""What the detector learns from: small views of streets, and where the plates are in them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import views as film
from training.street.camera import expose
from training.street.plates import random_flat
from training.street.scenery import backdrop, car_around
from training.street.typefaces import Typefaces
from training.views import CELL_CHANNELS, STRIDE_PX, mark
from vigie_agent.plates.rectify import Corners, perspective

VIEW_WIDTH_PX, VIEW_HEIGHT_PX = 192, 128
"""Smaller than what the detector sees in use, which costs a third: it looks at every place in the same way."""

_FROM_FILMS = 0.2
_NARROWEST_PX, _WIDEST_PX = 13.0, 170.0
_PLATES = (0.22, 0.58, 0.2)

Rng = np.random.Generator


@dataclass(frozen=True)
class DrawStreetView:
    """One sample: a view of `VIEW_HEIGHT_PX` x `VIEW_WIDTH_PX`, and its cells' targets."""

    typefaces: Typefaces
    film_view: film.DrawView

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawStreetView":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder), film.DrawView.with_fonts(folder))

    def __call__(self, rng: Rng) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Draw one."""
        if rng.random() < _FROM_FILMS:
            return _part_of(*self.film_view(rng), rng)
        return draw_view(rng, self.typefaces)


def draw_view(rng: Rng, typefaces: Typefaces) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A street with some plates, none of them hidden by another."""
    image = backdrop(rng, typefaces, (VIEW_WIDTH_PX, VIEW_HEIGHT_PX))
    taken: list[Corners] = []
    for _ in range(int(rng.choice(len(_PLATES), p=_PLATES))):
        plate = random_flat(rng, typefaces).picture
        corners = _somewhere(plate.shape[1] / plate.shape[0], rng)
        if any(_near(corners, other) for other in taken):
            continue
        if rng.random() < 0.85 and not taken:
            car_around(image, corners, rng)
        _paste(image, plate, corners, rng)
        taken.append(corners)
    targets = np.zeros((VIEW_HEIGHT_PX // STRIDE_PX, VIEW_WIDTH_PX // STRIDE_PX, CELL_CHANNELS), dtype=np.float32)
    for corners in taken:
        mark(targets, corners, hidden=False)
    sharpness = min((float(np.linalg.norm(one[1] - one[0])) for one in taken), default=90.0)
    return expose(np.asarray(image, dtype=np.float32), min(sharpness, 110.0), rng), targets


def _somewhere(ratio: float, rng: Rng) -> Corners:
    wide = float(np.exp(rng.uniform(np.log(_NARROWEST_PX), np.log(_WIDEST_PX)))) * (1.0 if ratio > 2.2 else 0.6)
    high = wide / ratio * float(np.clip(rng.normal(1.0, 0.13), 0.7, 1.4))
    box = np.array([[0, 0], [wide, 0], [wide, high], [0, high]]) - (wide / 2, high / 2)
    turn, lean = (float(np.clip(rng.normal(0, spread), -0.35, 0.35)) for spread in (0.08, 0.13))
    bent = box @ np.array([[np.cos(turn), np.sin(turn)], [lean - np.sin(turn), np.cos(turn)]])
    corners = bent + rng.normal(0, 0.03, (4, 2)) * high
    reach = np.maximum(corners.max(axis=0) - 3, 0)
    middle = rng.uniform(np.minimum(reach, 64), np.maximum((VIEW_WIDTH_PX, VIEW_HEIGHT_PX) - reach, 65))
    placed: Corners = (corners + middle).astype(np.float32)
    return placed


def _paste(image: Image.Image, plate: NDArray[np.uint8], corners: Corners, rng: Rng) -> None:
    """The plate's tones, brought to the light of its surroundings, laid over the view."""
    left, top = np.floor(corners.min(axis=0)).astype(int) - 1
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 2
    wide = float(np.linalg.norm(corners[1] - corners[0]))
    shrink = max(1, int(plate.shape[1] / (1.2 * wide)))
    lit = Image.fromarray((plate * np.float32(rng.uniform(0.45, 1.05))).astype(np.uint8)).reduce(shrink)
    full = np.array([[0, 0], [lit.width, 0], lit.size, [0, lit.height]], dtype=np.float32)
    coefficients = perspective((corners - (left, top)).astype(np.float32), full)
    size, kind, smooth = (int(right - left), int(bottom - top)), Image.Transform.PERSPECTIVE, Image.Resampling.BILINEAR
    mask = Image.new("L", lit.size, 255).transform(size, kind, coefficients, smooth)
    image.paste(lit.transform(size, kind, coefficients, smooth), (int(left), int(top)), mask)


def _near(one: Corners, other: Corners) -> bool:
    reach = (np.ptp(one, axis=0) + np.ptp(other, axis=0)) / 2 + 4
    return bool((np.abs(one.mean(axis=0) - other.mean(axis=0)) < reach).all())


def _part_of(
    picture: NDArray[np.uint8], targets: NDArray[np.float32], rng: Rng
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """A part of a film's view; a plate that is cut there is one that is not cared about."""
    rows, columns = VIEW_HEIGHT_PX // STRIDE_PX, VIEW_WIDTH_PX // STRIDE_PX
    top, left = (
        int(rng.integers(all_ - part + 1)) for all_, part in zip(targets.shape[:2], (rows, columns), strict=True)
    )
    cells = targets[top : top + rows, left : left + columns].copy()
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    inside = (x - cells[..., 1] >= 0) & (y - cells[..., 2] >= 0)
    inside &= (x + cells[..., 3] <= columns) & (y + cells[..., 4] <= rows)
    cells[(cells[..., 0] > 0) & ~inside, 0] = -1
    y_px, x_px = top * STRIDE_PX, left * STRIDE_PX
    return picture[y_px : y_px + VIEW_HEIGHT_PX, x_px : x_px + VIEW_WIDTH_PX].copy(), cells
