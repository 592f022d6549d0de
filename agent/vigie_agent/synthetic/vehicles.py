"""Vehicles drawn as flat pictures, seen from the front or from behind, each with its plate."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from vigie_agent.synthetic.plates import PlateStyle, draw_plate
from vigie_shared.plates import Plate

PX_PER_METRE = 280
PLATE_WIDTH_M, PLATE_HEIGHT_M = 0.52, 0.115
_SUPERSAMPLING = 2

Colour = tuple[int, int, int]
PAINTS: tuple[Colour, ...] = (
    (196, 200, 204),
    (238, 238, 234),
    (40, 42, 48),
    (92, 98, 106),
    (150, 34, 36),
    (32, 62, 122),
    (58, 92, 70),
    (190, 160, 96),
)


@dataclass(frozen=True)
class Sprite:
    """Something that stands upright on the ground: a picture with transparency, and its plate's corners in it."""

    image: Image.Image
    px_per_metre: float
    plate: Plate | None = None
    plate_corners: tuple[tuple[float, float], ...] = ()

    @property
    def width_m(self) -> float:
        """Width of the picture on the ground's scale."""
        return self.image.width / self.px_per_metre

    @property
    def height_m(self) -> float:
        """Height of the picture on the same scale."""
        return self.image.height / self.px_per_metre


@dataclass(frozen=True)
class Body:
    """A vehicle's shape in metres; `van` ones are boxes, the others have a cabin on shoulders."""

    width: float
    height: float
    shoulder: float
    cabin: float
    van: bool


def random_body(rng: np.random.Generator) -> Body:
    """A saloon, a hatchback or a van."""
    van = bool(rng.random() < 0.25)
    height = float(rng.uniform(1.75, 2.1) if van else rng.uniform(1.38, 1.55))
    width = float(rng.uniform(1.68, 1.84))
    return Body(
        width, height, shoulder=height * float(rng.uniform(0.56, 0.62)), cabin=width * (0.94 if van else 0.8), van=van
    )


def draw_vehicle(
    plate: Plate | None, rng: np.random.Generator, *, rear: bool, slope: float = 0.0, style: PlateStyle | None = None
) -> Sprite:
    """A vehicle's front or rear; `slope` shears it, as a camera off its axis sees it."""
    body = random_body(rng)
    unit = PX_PER_METRE * _SUPERSAMPLING
    size = (round(body.width * unit), round(body.height * unit))
    image = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = _Pen(ImageDraw.Draw(image), size[0] / 2, size[1], unit)
    paint = PAINTS[rng.integers(len(PAINTS))]
    ImageDraw.Draw(image).ellipse((0, size[1] - 0.12 * unit, size[0], size[1]), fill=(10, 10, 12, 150))
    _draw_body(pen, body, paint)
    _draw_lamps(pen, body, rear=rear)
    if not rear:
        _draw_grille(pen, body)
    plate_y = float(rng.uniform(0.42, 0.5)) if not rear else float(rng.uniform(0.46, 0.75))
    corners = _mount_plate(image, pen, plate, plate_y, style) if plate else ()
    return _finished(image, plate, corners, slope)


class _Pen:
    """Draws in metres: x from the vehicle's middle, y up from the ground."""

    def __init__(self, draw: ImageDraw.ImageDraw, middle: float, ground: float, unit: float) -> None:
        self._draw, self._middle, self._ground, self._unit = draw, middle, ground, unit

    def at(self, x: float, y: float) -> tuple[float, float]:
        return self._middle + x * self._unit, self._ground - y * self._unit

    def box(self, left: float, bottom: float, right: float, top: float, fill: Colour, radius: float = 0.0) -> None:
        (x0, y0), (x1, y1) = self.at(left, top), self.at(right, bottom)
        self._draw.rounded_rectangle((x0, y0, x1, y1), radius * self._unit, fill=fill)

    def shape(self, points: list[tuple[float, float]], fill: Colour) -> None:
        self._draw.polygon([self.at(x, y) for x, y in points], fill=fill)


def _draw_body(pen: _Pen, body: Body, paint: Colour) -> None:
    half, cabin = body.width / 2, body.cabin / 2
    for side in (-1, 1):
        inner, outer = sorted((side * half * 0.7, side * half * 0.95))
        pen.box(inner, 0.03, outer, 0.4, (18, 18, 20), 0.03)
    pen.box(-half, 0.18, half, body.shoulder, paint, 0.12)
    roof = cabin * (0.97 if body.van else 0.82)
    pen.shape(
        [(-cabin, body.shoulder - 0.1), (-roof, body.height), (roof, body.height), (cabin, body.shoulder - 0.1)], paint
    )
    glass, top = cabin * 0.93, body.height - 0.08
    pen.shape([(-glass, body.shoulder), (-roof * 0.93, top), (roof * 0.93, top), (glass, body.shoulder)], (44, 54, 64))
    pen.shape(
        [(-glass * 0.7, body.shoulder), (-roof * 0.5, top), (-roof * 0.2, top), (-glass * 0.3, body.shoulder)],
        (78, 92, 104),
    )
    pen.box(-half, 0.18, half, 0.36, _shade(paint, 0.55), 0.05)
    pen.box(-half, body.shoulder - 0.03, half, body.shoulder, _shade(paint, 0.75), 0.01)


def _draw_lamps(pen: _Pen, body: Body, *, rear: bool) -> None:
    half = body.width / 2
    lamp = (168, 24, 26) if rear else (232, 236, 228)
    y = body.shoulder - (0.22 if rear else 0.28)
    for side in (-1, 1):
        inner, outer = sorted((side * half * 0.6, side * half * 0.96))
        pen.box(inner, y - 0.07, outer, y + 0.08, lamp, 0.03)


def _draw_grille(pen: _Pen, body: Body) -> None:
    top = body.shoulder - 0.16
    pen.box(-0.42, top - 0.2, 0.42, top, (26, 27, 30), 0.02)
    for line in range(3):
        pen.box(-0.42, top - 0.06 * (line + 1), 0.42, top - 0.06 * (line + 1) + 0.015, (120, 122, 126))


def _mount_plate(
    image: Image.Image, pen: _Pen, plate: Plate, y: float, style: PlateStyle | None
) -> tuple[tuple[float, float], ...]:
    left, top = pen.at(-PLATE_WIDTH_M / 2, y + PLATE_HEIGHT_M / 2)
    right, bottom = pen.at(PLATE_WIDTH_M / 2, y - PLATE_HEIGHT_M / 2)
    box = (round(left), round(top), round(right), round(bottom))
    drawn = draw_plate(plate, style).resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    pen.box(-PLATE_WIDTH_M / 2 - 0.02, y - 0.08, PLATE_WIDTH_M / 2 + 0.02, y + 0.08, (34, 34, 38), 0.02)
    image.paste(drawn.convert("RGBA"), box[:2])
    return ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]))


def _finished(
    image: Image.Image, plate: Plate | None, corners: tuple[tuple[float, float], ...], slope: float
) -> Sprite:
    rise = slope * image.width / 2
    extra = round(abs(rise))
    tall = Image.new("RGBA", (image.width, image.height + 2 * extra), (0, 0, 0, 0))
    tall.paste(image, (0, extra))
    middle = image.width / 2
    if extra:
        tall = tall.transform(
            tall.size, Image.Transform.AFFINE, (1, 0, 0, -slope, 1, slope * middle), Image.Resampling.BICUBIC
        )
    small = tall.reduce(_SUPERSAMPLING)
    moved = tuple((x / _SUPERSAMPLING, (y + extra + slope * (x - middle)) / _SUPERSAMPLING) for x, y in corners)
    return Sprite(small, PX_PER_METRE, plate, moved)


def _shade(paint: Colour, factor: float) -> Colour:
    red, green, blue = (int(channel * factor) for channel in paint)
    return red, green, blue
