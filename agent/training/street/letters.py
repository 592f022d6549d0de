"""Arabic letters of our own, as dies cut them: small and slender, in as many styles as there are numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Places = NDArray[np.float64]

STYLES = 60
_ALEF_PX, _FINER = 96, 2
_DENSE = 14
"""Places between two of a skeleton."""


@dataclass(frozen=True)
class _Letter:
    """Strokes and dots in hundredths of an alef's height; `wide` and `high` are the box that they are told in."""

    wide: int
    high: int
    strokes: tuple[str, ...]
    dots: tuple[tuple[int, int], ...] = ()


_LETTERS = {
    "أ": _Letter(20, 100, ("16,30 14,60 8,100", "16,2 6,2 3,10 14,13", "0,20 18,14")),
    "ب": _Letter(95, 62, ("3,6 1,26 18,36 48,38 78,36 94,26 92,2",), ((48, 58),)),
    "د": _Letter(46, 56, ("22,0 36,18 44,38 40,50 22,53 2,50",)),
    "ه": _Letter(56, 58, ("30,0 16,20 2,44 10,55 30,54 52,55 54,40 40,16 28,4", "30,54 22,42 28,30 40,34 34,50")),
    "و": _Letter(48, 76, ("42,28 24,30 16,20 24,6 38,4 45,18 44,38 34,58 18,70 0,74",)),
    "ط": _Letter(66, 92, ("14,0 15,40 14,84", "14,80 30,56 50,48 64,58 62,74 44,84 22,86 0,86")),
    "ي": _Letter(78, 84, ("70,14 56,4 42,12 44,26 62,34 72,46 62,62 36,68 10,62 0,46 2,32",), ((28, 82), (46, 82))),
    "ج": _Letter(66, 94, ("2,12 16,2 38,6 64,8 36,18 12,38 4,62 20,84 44,88 64,82",), ((36, 52),)),
    "ش": _Letter(
        104,
        78,
        ("102,28 103,42 90,46 80,42 78,30", "80,42 70,46 60,42 57,30", "60,42 54,50 52,66 36,76 14,74 2,60 2,46"),
        ((72, 16), (88, 16), (80, 4)),
    ),
}


def known(text: str) -> bool:
    """Whether there is a skeleton for it."""
    return text in _LETTERS


def letter(number: int, char: str) -> Image.Image:
    """`char` in style `number`, as a mask cut to its ink; an alef is 96 pixels high."""
    rng = np.random.default_rng((number, 31))
    pen, taper = float(rng.uniform(0.07, 0.14)), float(rng.uniform(0.4, 1.1))
    tall = 1.0 if char == "أ" else float(rng.uniform(0.9, 1.4))
    stretch, slant, shaky = float(rng.uniform(0.85, 1.35)), float(rng.normal(0.05, 0.1)), float(rng.uniform(0.5, 2.5))
    shape, scale = _LETTERS[char], _ALEF_PX * _FINER / 100
    own = np.random.default_rng((number, ord(char)))
    thick = pen * _ALEF_PX * _FINER
    margin = 2 * thick + 30 * scale
    size = (round(shape.wide * scale * stretch + 2 * margin), round(shape.high * tall * scale + 2 * margin))
    canvas = Image.new("L", size, 0)
    drawing = ImageDraw.Draw(canvas)

    def placed(places: Places) -> Places:
        x = places[:, 0] * stretch + slant * (shape.high - places[:, 1])
        moved: Places = np.stack([x, places[:, 1] * tall], axis=1) * scale + margin
        return moved

    for stroke in shape.strokes:
        places = np.array([[float(part) for part in place.split(",")] for place in stroke.split()])
        path = placed(_smooth(places + own.normal(0, shaky, places.shape)))
        widths = thick * np.linspace(1.0, taper, len(path))
        for (x, y), width in zip(path, widths, strict=True):
            drawing.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
    for x, y in placed(np.array(shape.dots, dtype=np.float64).reshape(-1, 2) + own.normal(0, shaky)):
        dot = thick * float(rng.uniform(1.0, 1.5)) / 2
        drawing.ellipse((x - dot, y - dot, x + dot, y + dot), fill=255)
    image = canvas.reduce(_FINER)
    return image.crop(image.getbbox())


def _smooth(places: Places) -> Places:
    """A curve through all places (Catmull and Rom)."""
    padded = np.concatenate([places[:1], places, places[-1:]])
    parts = []
    for before, start, end, after in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        t = np.linspace(0, 1, _DENSE)[:, None]
        bend = (end - before) * t + (2 * before - 5 * start + 4 * end - after) * t**2
        parts.append(start + 0.5 * (bend + (3 * start - before - 3 * end + after) * t**3))
    curve: Places = np.concatenate(parts)
    return curve
