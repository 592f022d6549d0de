"""What the detector learns from: small views of drawn traffic, and where the plates are in them."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from training.crops import Typefaces, random_style
from training.degrade import degrade
from vigie_agent.synthetic.plates import glyph, random_plate
from vigie_agent.synthetic.stage import Actor, Spot
from vigie_agent.synthetic.vehicles import PLATE_WIDTH_M, Sprite, draw_vehicle

VIEW_WIDTH_PX, VIEW_HEIGHT_PX, STRIDE_PX = 320, 192, 8
"""What the detector sees, and the side of one of its cells."""

CELL_CHANNELS = 13
"""Of a detector's cell: objectness logit, left, top, right, bottom, then x and y of four corners, in strides."""

_SPRITES = 360
_BACKDROPS = 120
_WITHOUT_PLATE = 0.25
_WIDEST_PX, _NARROWEST_PX = 90.0, 11.0

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class DrawView:
    """One sample: a view of `VIEW_HEIGHT_PX` x `VIEW_WIDTH_PX`, and its cells' targets."""

    typefaces: Typefaces

    @classmethod
    def with_fonts(cls, folder: Path | None) -> "DrawView":
        """Drawing with the package's fonts and those known in `folder`."""
        return cls(Typefaces.found_in(folder))

    def __call__(self, rng: np.random.Generator) -> tuple[Any, Any]:
        """Draw one."""
        frame = _backdrop(int(rng.integers(_BACKDROPS))).copy()
        placed = sorted((self._place(rng) for _ in range(int(rng.choice([0, 1, 2, 3, 4])))), key=_foot)
        for actor, box in placed:
            actor.paste_into(frame, box)
        targets = np.zeros((VIEW_HEIGHT_PX // STRIDE_PX, VIEW_WIDTH_PX // STRIDE_PX, CELL_CHANNELS), dtype=np.float32)
        for index, (actor, box) in enumerate(placed):
            if view := actor.plate_view(box):
                mark(
                    targets, view.corners, hidden=any(_touches(view.corners, later) for _, later in placed[index + 1 :])
                )
        return degrade(frame.convert("L"), rng), targets

    def _place(self, rng: np.random.Generator) -> tuple[Actor, Box]:
        actor = _actor(self.typefaces, int(rng.integers(_SPRITES)))
        plate_px = float(np.exp(rng.uniform(np.log(_NARROWEST_PX), np.log(_WIDEST_PX))))
        scale = plate_px / PLATE_WIDTH_M
        width, height = (
            round(actor.sprite.width_m * scale),
            round(actor.sprite.height_m * scale * float(rng.uniform(0.85, 1.15))),
        )
        left = int(rng.integers(-width // 2, max(1, VIEW_WIDTH_PX - width // 2)))
        top = int(rng.integers(-int(0.6 * height), max(1, VIEW_HEIGHT_PX - height // 2)))
        return actor, (left, top, left + width, top + height)


def mark(targets: NDArray[np.float32], corners: NDArray[np.float32], *, hidden: bool) -> None:
    """Write a plate into the cells: 1 near its middle, -1 (do not care) on the rest of it or where it is not whole."""
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    rows, columns = targets.shape[:2]
    y, x = np.mgrid[0:rows, 0:columns] * STRIDE_PX + STRIDE_PX / 2
    near = STRIDE_PX / 2 + 0.01
    on_plate = (x > left - near) & (x < right + near) & (y > top - near) & (y < bottom + near)
    whole = left >= 0 and top >= 0 and right <= columns * STRIDE_PX and bottom <= rows * STRIDE_PX
    targets[on_plate & (targets[..., 0] < 1), 0] = -1
    if hidden or not whole:
        return
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    across, down = max(near, (right - left) * 0.22), max(near, (bottom - top) * 0.25)
    core = (abs(x - middle_x) <= across) & (abs(y - middle_y) <= down)
    centre = np.stack([x[core], y[core]], axis=1)
    targets[core, 0] = 1
    targets[core, 1:5] = (
        np.stack([centre[:, 0] - left, centre[:, 1] - top, right - centre[:, 0], bottom - centre[:, 1]], axis=1)
        / STRIDE_PX
    )
    targets[core, 5:] = (corners.reshape(1, 8) - np.tile(centre, 4)) / STRIDE_PX


@lru_cache(maxsize=_SPRITES)
def _actor(typefaces: Typefaces, number: int) -> Actor:
    rng = np.random.default_rng((number, 5))
    plate = None if rng.random() < _WITHOUT_PLATE else random_plate(rng)
    slope = float(rng.normal(0, 0.05))
    full = draw_vehicle(plate, rng, rear=bool(rng.random() < 0.5), slope=slope, style=random_style(rng, typefaces))
    half = tuple((x / 2, y / 2) for x, y in full.plate_corners)
    return Actor(Sprite(full.image.reduce(2), full.px_per_metre / 2, full.plate, half), lambda _: Spot(0, 1))


@lru_cache(maxsize=_BACKDROPS)
def _backdrop(number: int) -> Image.Image:
    """Rough shapes, stripes and shop signs; nothing in it is a plate."""
    rng = np.random.default_rng((number, 6))
    coarse = rng.normal(rng.integers(60, 190), rng.uniform(2, 40), (VIEW_HEIGHT_PX // 8, VIEW_WIDTH_PX // 8))
    grey = Image.fromarray(coarse.clip(0, 255).astype(np.uint8)).resize((VIEW_WIDTH_PX, VIEW_HEIGHT_PX))
    image = grey.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 4)))).convert("RGB")
    pen = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(2, 14))):
        x, y = int(rng.integers(-20, VIEW_WIDTH_PX)), int(rng.integers(-20, VIEW_HEIGHT_PX))
        width, height = (int(edge) for edge in rng.integers(3, 110, 2))
        tone = tuple(int(channel) for channel in rng.integers(20, 245, 3))
        if rng.random() < 0.3:
            pen.line((x, y, x + width * 3, y + height * 3), fill=tone, width=int(rng.integers(1, 6)))
        else:
            pen.rectangle((x, y, x + width, y + height), fill=tone)
    for _ in range(int(rng.integers(0, 4))):
        _draw_sign(image, rng)
    return image


def _draw_sign(image: Image.Image, rng: np.random.Generator) -> None:
    height = int(rng.integers(8, 40))
    x, y = int(rng.integers(0, VIEW_WIDTH_PX - 20)), int(rng.integers(0, VIEW_HEIGHT_PX - 20))
    letters = [chr(ord("A") + int(number)) for number in rng.integers(0, 26, int(rng.integers(2, 9)))]
    masks = [glyph(Typefaces().latin[0], char) for char in letters]
    masks = [mask.resize((max(2, mask.width * height // mask.height), height)) for mask in masks]
    tones = [tuple(int(channel) for channel in rng.integers(0, 255, 3)) for _ in range(2)]
    total = sum(mask.width + 2 for mask in masks)
    if rng.random() < 0.7:
        ImageDraw.Draw(image).rectangle((x - 4, y - 4, x + total + 4, y + height + 4), fill=tones[0])
    for mask in masks:
        image.paste(tones[1], (x, y), mask)
        x += mask.width + 2


def _foot(placed: tuple[Actor, Box]) -> int:
    return placed[1][3]


def _touches(corners: NDArray[np.float32], box: Box) -> bool:
    left, top = corners.min(axis=0)
    right, bottom = corners.max(axis=0)
    return bool(left < box[2] and right > box[0] and top < box[3] and bottom > box[1])
