"""What stamping and years leave of a plate's ink, and how the raised strokes catch the light."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from training.street.textures import field as texture

Floats = NDArray[np.float32]
Rng = np.random.Generator
Box = tuple[int, int, int, int]

_OUTLINED, _ONE_SIDED, _SCRATCHED = 0.07, 0.05, 0.04
"""How often ink is left at the edges of the strokes, at one of the two, or in streaks along the plate."""
_EMBOSSED, _BARE = 0.4, 0.08
_TORN = 0.3


def inked(ink: Image.Image, rng: Rng) -> Floats:
    """How much ink lies where, from 0 to 1: strokes a little thinner or bolder, their corners rounded, some worn."""
    fate = float(rng.random())
    worn = fate < _OUTLINED + _ONE_SIDED
    radius = float(rng.uniform(1.2, 2.2) if worn else rng.uniform(0.4, 1.9))
    soft = np.asarray(ink.filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32) / 255
    threshold = float(np.clip(rng.normal(0.46, 0.12), 0.2, 0.66))
    mask = ((soft - threshold) * float(rng.uniform(2.0, 6.0)) + 0.5).clip(0, 1)
    if fate < _OUTLINED:
        return mask * _hollow(soft, rng)
    if worn:
        return mask * _side(soft, rng)
    if fate < _OUTLINED + _ONE_SIDED + _SCRATCHED:
        return mask * _streaks(rng, *mask.shape)
    return mask


def _hollow(soft: Floats, rng: Rng) -> Floats:
    """The crest of a stroke has lost its ink, all of it or in patches; its edges have not."""
    core = ((soft - float(rng.uniform(0.75, 0.95))) * 6.0 + 0.5).clip(0, 1) * float(rng.uniform(0.4, 1.0))
    patches = (texture(rng, *soft.shape) * float(rng.uniform(2.0, 9.0))).clip(0, 1)
    return (1 - core * patches).astype(np.float32)


def _side(soft: Floats, rng: Rng) -> Floats:
    """Ink is left on the slope of a stroke that faces one way."""
    slope = -_towards(soft, rng, float(rng.uniform(1.0, 3.0)))
    left = float(rng.uniform(0.0, 0.45))
    kept = (slope * float(rng.uniform(2.0, 6.0))).clip(0, 1)
    return (left + (1 - left) * kept).astype(np.float32)


def _streaks(rng: Rng, height: int, width: int) -> Floats:
    """Rubbed off along the plate: long, low streaks."""
    narrow = Image.fromarray(np.ascontiguousarray(texture(rng, height, max(4, width // int(rng.integers(4, 16))))))
    field = np.asarray(narrow.resize((width, height), Image.Resampling.BILINEAR))
    left = float(rng.uniform(0.0, 0.4))
    gone = ((field - float(rng.uniform(0.4, 0.7))) * 8.0).clip(0, 1)
    return (1 - (1 - left) * gone).astype(np.float32)


def patchy(rng: Rng, height: int, width: int) -> Floats:
    """How much of the ink is left: patches are gone, or the whole has paled."""
    patches = (texture(rng, height, width) * float(rng.uniform(2.0, 5.0)) - float(rng.uniform(0.0, 0.6))).clip(0, 1)
    left = float(rng.uniform(0.2, 1.0))
    pale = float(rng.uniform(0.6, 1.0))
    return (pale * (left + (1 - left) * patches)).astype(np.float32)


def thin_out(mask: Floats, faint: list[tuple[Box, float]], rng: Rng) -> None:
    """Characters that got, or kept, little ink while their neighbours are whole: so much is left in each box."""
    for (left, top, right, bottom), share in faint:
        part = mask[top:bottom, left:right]
        if part.size:
            patches = (texture(rng, *part.shape) * float(rng.uniform(1.0, 4.0)) - 0.5).clip(0, 1)
            part *= share + (1 - share) * patches * float(rng.uniform(0.2, 1.0))


def relief(mask: Floats, rng: Rng) -> tuple[Floats, float]:
    """What the raised strokes add to the picture in light from one side, and the share of the ink that is left on them.

    A stroke whose paint is gone is seen by its bright and its dark edge alone.
    """
    fate = float(rng.random())
    if fate < _BARE:
        strength = float(rng.choice((-1, 1)) * rng.uniform(60, 170))
        return _towards(mask, rng, float(rng.uniform(1.0, 3.2))) * strength, float(rng.uniform(0.05, 0.6))
    if fate < _BARE + _EMBOSSED:
        edges = np.roll(mask, (1, int(rng.choice([-1, 1]))), (0, 1)) - mask
        return edges * float(rng.uniform(-70, 70)), 1.0
    return np.zeros((), dtype=np.float32), 1.0


def pieced(picture: Floats, rng: Rng) -> None:
    """Paper glued on in strips, folded, or torn: parts lie higher or lower, lines run down between them."""
    height, width = picture.shape
    for start in sorted(rng.uniform(0.05, 0.95, int(rng.integers(1, 6)))):
        column, line = int(start * width), int(rng.integers(1, 3))
        down = round(float(rng.normal(0, 0.02)) * height)
        picture[:, column:] = np.roll(picture[:, column:], down, 0) + float(rng.normal(0, 6))
        picture[:, column : column + line] += float(rng.normal(0, 30))
    if rng.random() < _TORN:
        _tear(picture, rng)


def _tear(picture: Floats, rng: Rng) -> None:
    """One corner is gone, and what is behind it shows."""
    height, width = picture.shape
    across, down = rng.uniform(0.02, 0.12) * width, rng.uniform(0.2, 0.8) * height
    y, x = np.ogrid[:height, :width]
    x, y = (x if rng.random() < 0.5 else width - 1 - x), (y if rng.random() < 0.5 else height - 1 - y)
    picture[x / across + y / down < 1] = float(rng.uniform(5, 120))


def _towards(mask: Floats, rng: Rng, reach: float) -> Floats:
    """By how much `mask` differs from itself moved so many pixels in a random direction."""
    angle = float(rng.uniform(0, 2 * np.pi))
    shift = (round(reach * np.sin(angle)), round(reach * np.cos(angle)))
    moved: Floats = np.roll(mask, shift if any(shift) else (1, 0), (0, 1)) - mask
    return moved
