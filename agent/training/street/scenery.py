"""Streets in shades of grey: walls, windows, boards with text, cars. No plate is in them; what resembles one is."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from training.street.textures import field as texture
from training.street.typefaces import Typefaces, mask_of

Rng = np.random.Generator
Size = tuple[int, int]

_BACKDROPS = 600
_ARABIC_CHARS = "ابتجدرسعفقلمنهوي"
_LATIN_CHARS = "ABCDEFGHIKLMNOPRSTUVXZabcdeghiklmnoprstu0123456789"


@lru_cache(maxsize=_BACKDROPS)
def _drawn(typefaces: Typefaces, number: int, size: Size) -> Image.Image:
    rng = np.random.default_rng((number, 17))
    image = _ground(rng, size)
    for draw in rng.choice(np.array(_PARTS), int(rng.integers(2, 9))):
        draw(image, rng, typefaces)
    return image


def backdrop(rng: Rng, typefaces: Typefaces, size: Size) -> Image.Image:
    """One of a pool of street views, `size` being width and height."""
    return _drawn(typefaces, int(rng.integers(_BACKDROPS)), size).copy()


def _ground(rng: Rng, size: Size) -> Image.Image:
    width, height = size
    tone, swing = rng.uniform(20, 220), rng.uniform(5, 120)
    slope = np.linspace(-1, 1, height, dtype=np.float32)[:, None] * float(rng.normal(0, 40))
    grey = tone + swing * (texture(rng, height, width) - 0.5) + slope
    return Image.fromarray(grey.clip(0, 255).astype(np.uint8))


def _tone(rng: Rng) -> int:
    return int(rng.integers(3, 253))


def _box(rng: Rng, size: Size, least: float = 0.03, most: float = 0.9) -> tuple[int, int, int, int]:
    width = int(size[0] * rng.uniform(least, most))
    height = int(size[1] * rng.uniform(least, most))
    x, y = int(rng.integers(-width // 2, size[0] - width // 2)), int(rng.integers(-height // 2, size[1] - height // 2))
    return x, y, x + max(2, width), y + max(2, height)


def _wall(image: Image.Image, rng: Rng, _: Typefaces) -> None:
    """A block with a grid of windows, bricks or slats."""
    left, top, right, bottom = _box(rng, image.size, 0.15, 0.9)
    pen = ImageDraw.Draw(image)
    pen.rectangle((left, top, right, bottom), fill=_tone(rng))
    across, down = int(rng.integers(1, 9)), int(rng.integers(1, 12))
    fill, gap = _tone(rng), float(rng.uniform(0.1, 0.6))
    step_x, step_y = (right - left) / across, (bottom - top) / down
    for row in range(down):
        for column in range(across):
            x, y = left + (column + gap / 2) * step_x, top + (row + gap / 2) * step_y
            pen.rectangle((x, y, x + (1 - gap) * step_x, y + (1 - gap) * step_y), fill=fill)


def _shape(image: Image.Image, rng: Rng, _: Typefaces) -> None:
    box = _box(rng, image.size, 0.02, 0.5)
    pen = ImageDraw.Draw(image)
    chosen = rng.random()
    if chosen < 0.35:
        pen.rounded_rectangle(box, int(rng.integers(0, 9)), fill=_tone(rng), outline=_tone(rng))
    elif chosen < 0.6:
        pen.ellipse(box, fill=_tone(rng), outline=_tone(rng), width=int(rng.integers(1, 4)))
    elif chosen < 0.85:
        pen.line(box, fill=_tone(rng), width=int(rng.integers(1, 7)))
    else:
        pen.polygon(
            [(int(x), int(y)) for x, y in rng.uniform((box[0], box[1]), (box[2], box[3]), (4, 2))], fill=_tone(rng)
        )


def _grille(image: Image.Image, rng: Rng, _: Typefaces) -> None:
    left, top, right, bottom = _box(rng, image.size, 0.08, 0.6)
    pen = ImageDraw.Draw(image)
    pen.rectangle((left, top, right, bottom), fill=int(rng.integers(3, 90)))
    step, bright = int(rng.integers(3, 9)), _tone(rng)
    if rng.random() < 0.7:
        for y in range(top, bottom, step):
            pen.line((left, y, right, y), fill=bright, width=1)
    if rng.random() < 0.5:
        for x in range(left, right, step):
            pen.line((x, top, x, bottom), fill=bright, width=1)


def add_board(image: Image.Image, rng: Rng, typefaces: Typefaces) -> None:
    """A shop's name, a sticker, a taxi's roof light, a caption: text, mostly on a board of its own."""
    height = int(np.exp(rng.uniform(np.log(4), np.log(45))))
    arabic = rng.random() < 0.35
    if arabic:
        font, chars = typefaces.arabic[rng.integers(len(typefaces.arabic))], _ARABIC_CHARS
    else:
        font, chars = typefaces.latin_font(rng), _LATIN_CHARS
    x, y = int(rng.integers(-20, image.width - 10)), int(rng.integers(-5, image.height - 5))
    masks = [mask_of(font, chars[rng.integers(len(chars))]) for _ in range(int(rng.integers(2, 14)))]
    scale = height / 80
    total = sum(mask.width * scale + 1 for mask in masks)
    pen = ImageDraw.Draw(image)
    if rng.random() < 0.65:
        pad = height * float(rng.uniform(0.2, 1.2))
        pen.rounded_rectangle(
            (x - pad, y - pad, x + total + pad, y + height + pad), int(rng.integers(0, 6)), fill=_tone(rng)
        )
    fill = _tone(rng)
    for mask in masks:
        small = mask.resize(
            (max(1, round(mask.width * scale)), max(1, round(mask.height * scale))), Image.Resampling.BOX
        )
        image.paste(fill, (x, y + height - small.height), small)
        x += small.width + 1


_PARTS = (_wall, _shape, _shape, _shape, _grille, add_board, add_board)


def car_around(image: Image.Image, corners: np.ndarray[tuple[int, ...], np.dtype[np.float32]], rng: Rng) -> None:
    """Bodywork where a plate will be: a panel, bumper edges, lamps, a grille, a recess for the plate."""
    centre = corners.mean(axis=0)
    across, down = (corners[1] - corners[0]), (corners[3] - corners[0])
    if np.linalg.norm(across) < 2 * np.linalg.norm(down):
        down = down * 0.5

    def patch(left: float, top: float, right: float, bottom: float, fill: int) -> None:
        spots = [
            centre + across * u + down * v for u, v in ((left, top), (right, top), (right, bottom), (left, bottom))
        ]
        pen.polygon([(float(x), float(y)) for x, y in spots], fill=fill)

    pen = ImageDraw.Draw(image)
    body = _tone(rng)
    half, roof, sill = rng.uniform(1.2, 2.2), rng.uniform(1.5, 9), rng.uniform(1.0, 4)
    patch(-half, -roof, half, sill, body)
    for _ in range(int(rng.integers(1, 5))):
        y = float(rng.uniform(-roof, sill))
        patch(-half, y, half, y + float(rng.uniform(0.05, 0.8)), int(np.clip(body + rng.normal(0, 50), 0, 255)))
    for side in (-1, 1):
        x, y = side * rng.uniform(0.75, half), rng.uniform(-4, 0.5)
        patch(x - 0.2, y, x + 0.2, y + float(rng.uniform(0.5, 2)), _tone(rng))
    if rng.random() < 0.4:
        top = float(rng.uniform(-4, 1))
        for step in range(int(rng.integers(3, 8))):
            patch(-0.8, top + step * 0.3, 0.8, top + step * 0.3 + 0.15, int(rng.integers(0, 70)))
    if rng.random() < 0.5:
        grown, higher = float(rng.uniform(0.52, 0.7)), float(rng.uniform(0.55, 1.2))
        patch(-grown, -higher, grown, higher, int(rng.choice([8, 25, 60, 120, 230])))


def add_caption(image: Image.Image, rng: Rng, typefaces: Typefaces) -> None:
    """The date, the clock or the name that a camera writes into its picture, about where one will look."""
    font, height = typefaces.latin_font(rng), int(rng.integers(10, 34))
    form = ("0000-00-00 00:00:00", "00:00:00", "00/00/0000", "00-00-0000", "CAMERA 00", "IPC 00:00")[rng.integers(6)]
    text = "".join(str(rng.integers(10)) if char == "0" else char for char in form)
    masks = [mask_of(font, char) if char != " " else Image.new("L", (40, 8)) for char in text]
    scale = height / max(mask.height for mask in masks)
    size = [(max(1, round(mask.width * scale)), max(1, round(mask.height * scale))) for mask in masks]
    x = int(image.width / 2 - sum(width + 2 for width, _ in size) * rng.uniform(0.3, 0.7))
    bottom = int(image.height * rng.uniform(0.4, 0.7)) + height // 2
    ink, edge = (250, 10) if rng.random() < 0.7 else (15, 245)
    outlined = rng.random() < 0.6
    for mask, (width, high) in zip(masks, size, strict=True):
        small = mask.resize((width, high), Image.Resampling.BOX)
        if outlined:
            image.paste(edge, (x + 1, bottom - high + 1), small)
        image.paste(ink, (x, bottom - high), small)
        x += width + 2
