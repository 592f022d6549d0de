"""Digits and capitals of our own: skeletons and a pen, in as many styles as there are numbers.

Stampers' dies are like no font that can be had: narrow or wide, thin or bold, with or without feet at I and 1.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

Place = tuple[float, float]
Stroke = tuple[Place, ...]

STYLES = 60
_HEIGHT_PX, _FINER = 96, 2
_TURN_STEPS = 6


def _line(text: str) -> Stroke:
    """Places as `x,y` in hundredths of the character's width and height; one with a `!` is a sharp corner."""
    places: list[Place] = []
    for part in text.split():
        x, y = part.rstrip("!").split(",")
        places += [(int(x) / 100, int(y) / 100)] * (2 if part.endswith("!") else 1)
    return tuple(places)


def _lines(text: str) -> tuple[Stroke, ...]:
    return tuple(_line(part) for part in text.split("/"))


_ROUND = "50,0 100,0 100,100 0,100 0,0 50,0"
_SKELETONS = {
    "0": (_ROUND,),
    "1": ("5,28 60,0! 60,100", "15,16 60,0! 60,100", "60,0 60,100/10,24 60,0"),
    "2": ("0,26 0,0 100,0 100,42 0,100! 100,100", "0,22 0,0 100,0 100,50 8,88 0,100! 100,100"),
    "3": (
        "0,20 0,0 100,0 100,47 40,47/40,47 100,47 100,100 0,100 0,78",
        "2,0! 95,0! 45,40! 100,40 100,100 0,100 0,78",
    ),
    "4": ("62,0 0,70! 100,70/75,42 75,100", "75,0! 0,70! 100,70/75,0 75,100"),
    "5": ("92,0 12,0! 6,45! 30,38 100,38 100,100 0,100 0,80", "95,0 5,0! 5,44! 100,44 100,100 0,100 0,82"),
    "6": (
        "50,42 100,42 100,100 0,100 0,42 50,42/70,0 0,50 0,70",
        "100,18 100,0 0,0 0,70/50,43 100,43 100,100 0,100 0,43 50,43",
    ),
    "7": ("0,0! 100,0! 35,100", "0,14 0,0! 100,0! 55,50 40,100"),
    "8": ("50,0 93,0 93,46 7,46 7,0 50,0/50,46 100,46 100,100 0,100 0,46 50,46",),
    "A": ("0,100 50,0! 100,100/17,68 83,68", "0,100 42,0! 58,0! 100,100/15,70 85,70"),
    "B": ("0,47 0,0! 94,0 94,47 0,47/0,47 100,47 100,100 0,100! 0,0",),
    "C": ("100,22 100,0 0,0 0,100 100,100 100,78",),
    "D": ("0,50 0,0! 100,0 100,100 0,100! 0,50",),
    "E": ("95,0 0,0! 0,100! 100,100/0,48 85,48",),
    "F": ("100,0 0,0! 0,100/0,50 82,50",),
    "G": ("100,20 100,0 0,0 0,100 100,100 100,54! 55,54", "100,20 100,0 0,0 0,100 100,100 100,50"),
    "H": ("0,0 0,100/100,0 100,100/0,48 100,48",),
    "I": ("50,0 50,100", "50,0 50,100", "50,0 50,100/20,0 80,0/20,100 80,100"),
    "J": ("85,0 85,100 0,100 0,74", "30,0 85,0! 85,100 0,100 0,74"),
    "K": ("0,0 0,100/98,0 0,62/36,40 100,100",),
    "L": ("0,0 0,100! 100,100",),
    "M": ("0,100 0,0! 50,60! 100,0! 100,100", "0,100 8,0! 50,75! 92,0! 100,100", "0,100 0,0! 50,100! 100,0! 100,100"),
    "N": ("0,100 0,0! 100,100! 100,0",),
    "O": (_ROUND,),
    "P": ("0,100 0,0! 100,0 100,54 0,54",),
    "Q": (_ROUND + "/58,74 104,104",),
    "R": ("0,100 0,0! 100,0 100,52 0,52/48,52 100,100",),
    "S": ("100,21 100,0 0,0 0,46 100,53 100,100 0,100 0,79",),
    "T": ("0,0 100,0/50,0 50,100",),
    "U": ("0,0 0,100 100,100 100,0",),
    "V": ("0,0 50,100! 100,0",),
    "W": ("0,0 25,100! 50,20! 75,100! 100,0", "0,0 22,100! 50,0! 78,100! 100,0"),
    "X": ("0,0 100,100/100,0 0,100",),
    "Y": ("0,0 50,50! 100,0/50,48 50,100",),
    "Z": ("0,0! 100,0! 0,100! 100,100", "0,0! 100,0! 0,100! 100,100/20,48 80,48"),
    "-": ("20,50 80,50",),
}
_WIDER = {"M": 1.25, "W": 1.4, "I": 0.9, "O": 1.08, "Q": 1.08, "G": 1.05, "A": 1.1, "V": 1.1, "L": 0.9, "J": 0.85}


@dataclass(frozen=True)
class _Style:
    """Shares of the height; `turn` is a corner's radius as a share of the width, `slant` columns a row."""

    width: float
    pen: float
    turn: float
    slant: float
    blunt: bool


def glyph(number: int, char: str) -> Image.Image:
    """`char` in style `number`, as a mask cut to its ink; what has no skeleton looks like O."""
    rng = np.random.default_rng((number, 23))
    style = _Style(
        float(rng.uniform(0.36, 0.62)),
        float(rng.uniform(0.09, 0.175)),
        float(rng.uniform(0.28, 0.5)),
        float(rng.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2))),
        bool(rng.random() < 0.4),
    )
    chosen, even = rng.integers(60), float(rng.random())
    turned = char == "9"
    shapes = _SKELETONS.get("6" if turned else char.upper(), _SKELETONS["O"])
    wider = 1.0 + (_WIDER.get(char, 1.0) - 1.0) * even
    image = _drawn(_lines(shapes[chosen % len(shapes)]), style, wider)
    image = image.rotate(180) if turned else image
    return image.crop(image.getbbox()) if image.getbbox() else image


def _drawn(strokes: tuple[Stroke, ...], style: _Style, wider: float) -> Image.Image:
    high = _HEIGHT_PX * _FINER
    pen = max(2, round(style.pen * high))
    wide, tall = style.width * wider * high - pen, high - pen
    lean = style.slant * high
    canvas = Image.new("L", (round(wide + lean) + 3 * pen, high + pen), 0)
    drawing = ImageDraw.Draw(canvas)
    for stroke in strokes:
        path = _rounded([(x * wide, y * tall) for x, y in stroke], style.turn * wide)
        spots = [(pen + x + lean * (1 - y / tall), pen / 2 + y) for x, y in path]
        drawing.line(spots, fill=255, width=pen, joint="curve")
        for x, y in () if style.blunt else (spots[0], spots[-1]):
            drawing.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return canvas.reduce(_FINER)


def _rounded(places: list[Place], radius: float) -> list[Place]:
    """The line with every corner that is not sharp replaced by a curve; a closed line's ends must lie on an edge."""
    path = [places[0]]
    for before, corner, after in zip(places, places[1:], places[2:], strict=False):
        to, away = np.subtract(before, corner), np.subtract(after, corner)
        reach = min(radius, float(np.hypot(*to)) / 2, float(np.hypot(*away)) / 2)
        if reach < 1:
            path.append(corner)
            continue
        start, end = to / np.hypot(*to) * reach, away / np.hypot(*away) * reach
        for part in np.linspace(0, 1, _TURN_STEPS):
            x, y = corner + start * (1 - part) ** 2 + end * part**2
            path.append((float(x), float(y)))
    return [*path, places[-1]]
