"""What the aligner learns from: windows around plates told roughly, and where exactly the plates lie in them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training import crops as film
from training.street.camera import Shot, expose, photograph, random_pose
from training.street.plates import random_flat
from training.street.scenery import add_board, add_caption, backdrop, car_around
from training.street.typefaces import Typefaces
from vigie_agent.plates.aligner import LAYOUTS, POINTS, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, Layout, Window
from vigie_agent.plates.rectify import Corners, Points
from vigie_agent.synthetic.plates import draw_plate, random_plate

WINDOWS_EACH = 4
"""Windows of one photograph: drawing it costs more than looking at it again from elsewhere."""
TARGET_LENGTH = 2 * POINTS + 3
"""x and y of each point in shares of the window, number of the layout, then the plate's width and height in pixels."""

LAYOUT_OF: Final[dict[str, Layout]] = {
    "civil": "civil",
    "travel": "civil",
    "provisional": "provisional",
    "state": "state",
    "dashed": "dashed",
    "two-line": "two-line",
    "moped": "moped",
    "european": "foreign",
}
"""The layout of each kind of drawn plate."""

_NO_PLATE, _CAPTIONED, _FROM_FILMS, _IN_STREET = 0.12, 0.35, 0.08, 0.35
_BOXED, _ROUGH = 0.4, 0.4
_STREET = (360, 240)

Luma = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class DrawWindows:
    """`WINDOWS_EACH` windows of one photograph, and their targets."""

    typefaces: Typefaces
    film_typefaces: film.Typefaces

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawWindows":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder), film.Typefaces.found_in(folder))

    def __call__(self, rng: Rng) -> tuple[Luma, NDArray[np.float32]]:
        """Draw one photograph and look at it from several places."""
        if rng.random() < _NO_PLATE:
            luma = _no_plate(rng, self.typefaces)
            views = [_somewhere(luma, rng) for _ in range(WINDOWS_EACH)]
        else:
            shot, layout = self._shot(rng)
            views = [look(shot, layout, rng) for _ in range(WINDOWS_EACH)]
        pictures, targets = zip(*views, strict=True)
        return np.stack(pictures), np.stack(targets)

    def _shot(self, rng: Rng) -> tuple[Shot, Layout]:
        if rng.random() < _FROM_FILMS:
            plate = random_plate(rng)
            drawn = np.asarray(draw_plate(plate, film.random_style(rng, self.film_typefaces)))
            flat, layout = drawn, LAYOUT_OF["provisional" if plate.kind == "ww" else "civil"]
        else:
            drawn_flat = random_flat(rng, self.typefaces)
            flat, layout = drawn_flat.picture, LAYOUT_OF[drawn_flat.kind]
        if rng.random() < _IN_STREET:
            return _in_street(flat, rng, self.typefaces), layout
        return photograph(flat, rng, float(rng.uniform(0.1, 0.9)), typefaces=self.typefaces), layout


def look(shot: Shot, layout: Layout, rng: Rng) -> tuple[Luma, NDArray[np.float32]]:
    """One window around the plate as somebody may have told it, and its target."""
    luma, points, chosen = shot.luma, shot.points, rng.random()
    if chosen < _BOXED:
        told = boxed(points, rng)
        if rng.random() < 0.6:
            luma, points, told = _cut_out(luma, points, told)
        window = Window.around(told, boxed=True)
    else:
        window = Window.around((rough if chosen < _BOXED + _ROUGH else close)(shot.corners, rng))
    placed = window.inwards(points)
    pixels = placed * (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX)
    wide = float(np.linalg.norm(pixels[2] - pixels[0] + pixels[3] - pixels[5])) / 2
    high = float(np.linalg.norm(pixels[5] - pixels[0] + pixels[3] - pixels[2])) / 2
    target = [*placed.ravel(), LAYOUTS.index(layout), wide, high]
    return window.picture(luma), np.array(target, dtype=np.float32)


def boxed(points: Points, rng: Rng) -> Corners:
    """The upright box around a plate, as people and other programs cut it: at times far too large."""
    size = np.ptp(points, axis=0)
    most = float(rng.choice([0.06, 0.15, 0.4], p=[0.4, 0.4, 0.2]))
    left, top = points.min(axis=0) - size * rng.uniform(-0.03, most, 2)
    right, bottom = points.max(axis=0) + size * rng.uniform(-0.03, most, 2)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


def rough(corners: Corners, rng: Rng) -> Corners:
    """The corners as a detector tells them from far: too near or too far, and not turned enough."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    upright = np.array([low, [high[0], low[1]], high, [low[0], high[1]]])
    share = float(rng.choice([0.0, rng.uniform(0, 1)]))
    return _missed(corners * (1 - share) + upright * share, rng, 1.0)


def close(corners: Corners, rng: Rng) -> Corners:
    """The corners as this network itself tells them at its first look."""
    return _missed(corners, rng, 0.25)


def _missed(corners: NDArray[np.floating], rng: Rng, by: float) -> Corners:
    size = np.array([np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[3] - corners[0])])
    middle = corners.mean(axis=0)
    grown = (corners - middle) * np.exp(rng.normal(0, 0.16 * by, 2))
    told: Corners = (
        middle + grown + by * size * (rng.normal(0, 1, (4, 2)) * (0.03, 0.09) + rng.normal(0, 1, 2) * (0.05, 0.14))
    ).astype(np.float32)
    return told


def _cut_out(luma: Luma, points: Points, box: Corners) -> tuple[Luma, Points, Corners]:
    """The picture ends where the box does."""
    height, width = luma.shape
    left, top = np.floor(box[0]).astype(int).clip(0, (width - 2, height - 2))
    right, bottom = np.ceil(box[2]).astype(int).clip((left + 2, top + 2), (width, height))
    edges = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) - (left, top)
    return luma[top:bottom, left:right], (points - (left, top)).astype(np.float32), edges.astype(np.float32)


def _in_street(flat: Luma, rng: Rng, typefaces: Typefaces) -> Shot:
    """The plate on a drawn car in a drawn street."""
    pose = random_pose(flat.shape[1] / flat.shape[0], rng, float(rng.uniform(0.2, 0.6)))
    size = np.ceil(pose.points.max(axis=0) + pose.points.min(axis=0)).astype(int)
    image = backdrop(rng, typefaces, _STREET).resize((int(size[0]), int(size[1])), Image.Resampling.BILINEAR)
    if rng.random() < 0.85:
        car_around(image, pose.corners, rng)
    if rng.random() < 0.3:
        add_board(image, rng, typefaces)
    wide = float(np.linalg.norm(pose.corners[1] - pose.corners[0]))
    plate = Image.fromarray((flat * np.float32(rng.uniform(0.5, 1.05))).clip(0, 255).astype(np.uint8))
    shrink = max(1, int(flat.shape[1] / (1.3 * wide)))
    pose.lay(plate.reduce(shrink) if shrink > 1 else plate, image)
    return Shot(expose(np.asarray(image, dtype=np.float32), wide, rng), pose)


def _no_plate(rng: Rng, typefaces: Typefaces) -> Luma:
    """A street or a car without a plate, often with a name or a sign where one might be."""
    image = backdrop(rng, typefaces, _STREET).resize((220, 120), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        wide, high = rng.uniform(50, 140), rng.uniform(12, 50)
        middle = np.array([110, 60])
        corners = middle + np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
        car_around(image, corners, rng)
    if rng.random() < _CAPTIONED:
        add_caption(image, rng, typefaces)
    for _ in range(int(rng.integers(0, 3))):
        add_board(image, rng, typefaces)
    return expose(np.asarray(image, dtype=np.float32), 130.0, rng)


def _somewhere(luma: Luma, rng: Rng) -> tuple[Luma, NDArray[np.float32]]:
    size = np.array(luma.shape[::-1])
    wide = float(rng.uniform(0.25, 0.7)) * size[0]
    high = wide / float(np.exp(rng.uniform(np.log(1.2), np.log(6))))
    middle = size * rng.uniform(0.25, 0.75, 2)
    corners = middle + np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) / 2
    target = np.zeros(TARGET_LENGTH, dtype=np.float32)
    target[2 * POINTS] = LAYOUTS.index("none")
    upright = bool(rng.random() < 0.3)
    told = corners.astype(np.float32) if upright else close(corners.astype(np.float32), rng)
    return Window.around(told, boxed=upright).picture(luma), target
