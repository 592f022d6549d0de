"""What the reader learns from: crops as a detector, or a person in a hurry, would cut them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training import crops as film
from training.street.alphabet import class_numbers
from training.street.camera import Shot, expose, photograph
from training.street.plates import Box, FlatPlate, random_flat
from training.street.scenery import add_caption, backdrop
from training.street.textures import field as texture
from training.street.typefaces import Typefaces
from vigie_agent.plates.rectify import Corners, Points, corners_of, rectify

CROP_WIDTH_PX, CROP_HEIGHT_PX = 192, 64

_NO_PLATE, _CAPTIONED = 1 / 20, 0.25
_FROM_FILMS = 0.08
"""Crops of the drawn films, which the reader must go on reading."""
_LOOSE, _LOOSE_SLOPE_MOST = 0.4, 0.18
_UNBENT = 0.25
_CUT_OUT = 0.2
_SHOTS = 2

Luma = NDArray[np.uint8]
Rng = np.random.Generator
Sample = tuple[NDArray[np.uint8], NDArray[np.int32]]

_FRAME = (240, 90)


@dataclass(frozen=True)
class DrawStreetCrop:
    """One sample: a crop of 64 x 192, and its tokens as class numbers."""

    typefaces: Typefaces
    film_typefaces: film.Typefaces

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawStreetCrop":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder), film.Typefaces.found_in(folder))

    def __call__(self, rng: Rng) -> Sample:
        """Draw one."""
        return self.looks(rng, 1)[0]

    def looks(self, rng: Rng, count: int) -> list[Sample]:
        """So many of one plate: it is photographed a few times, and each picture cut out more than once."""
        if rng.random() < _FROM_FILMS:
            drawn = [film.draw_crop(rng, self.film_typefaces) for _ in range(count)]
            return [_sample(crop, tuple(glyphs)) for crop, glyphs in drawn]
        return [_sample(crop, tokens) for crop, tokens in draw_crops(rng, self.typefaces, count)]


def draw_crop(rng: Rng, typefaces: Typefaces) -> tuple[Luma, tuple[str, ...]]:
    """A crop and what is on it from left to right; one in a few shows no plate."""
    return draw_crops(rng, typefaces, 1)[0]


def draw_crops(rng: Rng, typefaces: Typefaces, count: int) -> list[tuple[Luma, tuple[str, ...]]]:
    """`count` crops of one plate, or of none."""
    if rng.random() < _NO_PLATE:
        return [(_no_plate(rng, typefaces), ()) for _ in range(count)]
    plate = random_flat(rng, typefaces)
    shots = [photograph(plate.picture, rng, typefaces=typefaces) for _ in range(min(count, _SHOTS))]
    return [_cut(plate, shots[number % len(shots)], rng) for number in range(count)]


def _cut(plate: FlatPlate, shot: Shot, rng: Rng) -> tuple[Luma, tuple[str, ...]]:
    line = plate.lines[rng.integers(len(plate.lines))]
    across = shot.corners[1] - shot.corners[0]
    loose = rng.random() < _LOOSE and abs(across[1]) < _LOOSE_SLOPE_MOST * abs(across[0])
    seen = loosely(shot.points, rng) if loose else nearly(shot, rng)
    if len(plate.lines) > 1:
        seen = _half(corners_of(seen), line.box, plate, rng)
    luma, seen = _cut_out(shot.luma, seen) if rng.random() < _CUT_OUT else (shot.luma, seen)
    return rectify(luma, seen, CROP_WIDTH_PX, CROP_HEIGHT_PX), line.tokens


def _sample(crop: Luma, tokens: tuple[str, ...]) -> Sample:
    return crop, np.array(class_numbers(tokens), dtype=np.int32)


def nearly(shot: Shot, rng: Rng) -> Corners | Points:
    """The plate as the agent finds it: its six points, or its corners alone, and neither quite right."""
    points, corners = shot.points, shot.corners
    size = np.array([np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])])
    missed = rng.normal(0, 1, (6, 2)) * size * (0.011, 0.04)
    drift = rng.normal(0, 1, 2) * size * (0.012, 0.04)
    middle = points.mean(axis=0)
    grown = (points - middle) * rng.normal(1.02, 0.035, 2)
    told: Points = (middle + grown + missed + drift).astype(np.float32)
    return corners_of(told) if rng.random() < _UNBENT else told


def loosely(corners: Corners | Points, rng: Rng) -> Corners:
    """The upright box around the plate, a little too large or too small: nobody has straightened it."""
    left, top = corners.min(axis=0) - np.ptp(corners, axis=0) * rng.uniform(-0.04, 0.13, 2)
    right, bottom = corners.max(axis=0) + np.ptp(corners, axis=0) * rng.uniform(-0.04, 0.13, 2)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def _cut_out(luma: Luma, corners: Corners | Points) -> tuple[Luma, Corners | Points]:
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


def _no_plate(rng: Rng, typefaces: Typefaces) -> Luma:
    """What may be taken for a plate: boards with text, a clock, lamps, grilles, stripes, patches of one tone."""
    if rng.random() < 0.5:
        frame = backdrop(rng, typefaces, _FRAME)
        if rng.random() < _CAPTIONED:
            add_caption(frame, rng, typefaces)
    else:
        frame = Image.fromarray((255 * texture(rng, _FRAME[1], _FRAME[0])).astype(np.uint8))
        pen = ImageDraw.Draw(frame)
        for _ in range(int(rng.integers(0, 12))):
            left, top = int(rng.integers(-40, 240)), int(rng.integers(-20, 90))
            box = (left, top, left + int(rng.integers(2, 160)), top + int(rng.integers(2, 60)))
            pen.rounded_rectangle(box, 3, fill=int(rng.integers(5, 250)))
    luma = expose(np.asarray(frame, dtype=np.float32), 200.0, rng)
    corners = np.array([[20, 20], [220, 20], [220, 70], [20, 70]], dtype=np.float32)
    return rectify(luma, loosely(corners, rng), CROP_WIDTH_PX, CROP_HEIGHT_PX)
