"""What the reader learns from: crops as a detector, or a person in a hurry, would cut them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training import crops as film
from training.street.alphabet import class_numbers
from training.street.camera import expose, photograph
from training.street.plates import Box, FlatPlate, random_flat
from training.street.textures import field as texture
from training.street.typefaces import Typefaces
from vigie_agent.plates.rectify import Corners, rectify

CROP_WIDTH_PX, CROP_HEIGHT_PX = 192, 64

_NO_PLATE = 1 / 24
_FROM_FILMS = 0.1
"""Crops of the drawn films, which the reader must go on reading."""
_LOOSE = 0.45
_CUT_OUT = 0.2

Luma = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class DrawStreetCrop:
    """One sample: a crop of 64 x 192, and its tokens as class numbers."""

    typefaces: Typefaces
    film_typefaces: film.Typefaces

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawStreetCrop":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder), film.Typefaces.found_in(folder))

    def __call__(self, rng: Rng) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
        """Draw one."""
        tokens: tuple[str, ...]
        if rng.random() < _FROM_FILMS:
            crop, glyphs = film.draw_crop(rng, self.film_typefaces)
            tokens = tuple(glyphs)
        else:
            crop, tokens = draw_crop(rng, self.typefaces)
        return crop, np.array(class_numbers(tokens), dtype=np.int32)


def draw_crop(rng: Rng, typefaces: Typefaces) -> tuple[Luma, tuple[str, ...]]:
    """A crop and what is on it from left to right; one in a few shows no plate."""
    if rng.random() < _NO_PLATE:
        return _no_plate(rng), ()
    plate = random_flat(rng, typefaces)
    line = plate.lines[rng.integers(len(plate.lines))]
    shot = photograph(plate.picture, rng)
    seen = loosely(shot.corners, rng) if rng.random() < _LOOSE else nearly(shot.corners, rng)
    if len(plate.lines) > 1:
        seen = _half(seen, line.box, plate, rng)
    luma, seen = _cut_out(shot.luma, seen) if rng.random() < _CUT_OUT else (shot.luma, seen)
    return rectify(luma, seen, CROP_WIDTH_PX, CROP_HEIGHT_PX), line.tokens


def nearly(corners: Corners, rng: Rng) -> Corners:
    """The corners as a detector tells them."""
    size = np.array([np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])])
    missed = rng.normal(0, 1, (4, 2)) * size * (0.012, 0.05)
    drift = rng.normal(0, 1, 2) * size * (0.014, 0.05)
    grown = (corners - corners.mean(axis=0)) * rng.normal(1.02, 0.04, 2)
    told: Corners = (corners.mean(axis=0) + grown + missed + drift).astype(np.float32)
    return told


def loosely(corners: Corners, rng: Rng) -> Corners:
    """The upright box around the plate, a little too large or too small: nobody has straightened it."""
    left, top = corners.min(axis=0) - np.ptp(corners, axis=0) * rng.uniform(-0.03, 0.12, 2)
    right, bottom = corners.max(axis=0) + np.ptp(corners, axis=0) * rng.uniform(-0.03, 0.12, 2)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def _cut_out(luma: Luma, corners: Corners) -> tuple[Luma, Corners]:
    """The picture ends where the box around the corners does."""
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(min=0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    return luma[top:bottom, left:right], (corners - (left, top)).astype(np.float32)


def _half(corners: Corners, box: Box, plate: FlatPlate, rng: Rng) -> Corners:
    """One line's part of a two-line plate, cut where nobody knows exactly."""
    height = plate.picture.shape[0]
    top, bottom = box[1] / height, box[3] / height
    cut = float(rng.normal(0, 0.03))
    top, bottom = (top + cut, bottom) if top else (top, bottom + cut)
    left, right = corners[3] - corners[0], corners[2] - corners[1]
    return np.array(
        [corners[0] + left * top, corners[1] + right * top, corners[1] + right * bottom, corners[0] + left * bottom],
        dtype=np.float32,
    )


def _no_plate(rng: Rng) -> Luma:
    """What may be taken for a plate: lamps, grilles, stripes, patches of one tone."""
    frame = Image.fromarray((255 * texture(rng, 90, 240)).astype(np.uint8))
    pen = ImageDraw.Draw(frame)
    for _ in range(int(rng.integers(0, 12))):
        left, top = int(rng.integers(-40, 240)), int(rng.integers(-20, 90))
        box = (left, top, left + int(rng.integers(2, 160)), top + int(rng.integers(2, 60)))
        pen.rounded_rectangle(box, 3, fill=int(rng.integers(5, 250)))
    luma = expose(np.asarray(frame, dtype=np.float32), 200.0, rng)
    corners = np.array([[20, 20], [220, 20], [220, 70], [20, 70]], dtype=np.float32)
    return rectify(luma, loosely(corners, rng), CROP_WIDTH_PX, CROP_HEIGHT_PX)
