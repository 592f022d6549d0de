"""What is on plates and around them besides their text: screws, bands, arms, a dealer's name."""

from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageDraw

from training.street.sheet import Luma, Sheet
from training.street.stickers import shield
from training.street.typefaces import Typefaces, mask_of

Rng = np.random.Generator


def add_screws(sheet: Sheet, rng: Rng) -> None:
    """Screw heads, dark or bright, by the edges and at times between the digits."""
    canvas = Image.fromarray(sheet.paper.clip(0, 255).astype(np.uint8))
    paper, ink = ImageDraw.Draw(canvas), ImageDraw.Draw(sheet.ink)
    radius = sheet.height * float(rng.uniform(0.012, 0.05))
    places = [(rng.uniform(0.01, 0.06), rng.uniform(0.3, 0.7)), (rng.uniform(0.94, 0.99), rng.uniform(0.3, 0.7))]
    for _ in range(int(rng.integers(0, 5))):
        places.append((rng.uniform(0.03, 0.97), rng.uniform(0.1, 0.9)))
    dark = rng.random() < 0.6
    for across, down in places:
        x, y = float(across) * sheet.width, float(down) * sheet.height
        disc = (x - radius, y - radius, x + radius, y + radius)
        if dark:
            ink.ellipse(disc, fill=int(rng.integers(120, 256)))
        else:
            paper.ellipse(disc, fill=int(rng.integers(100, 255)), outline=int(rng.integers(40, 160)))
    sheet.paper[:] = np.asarray(canvas, dtype=np.float32)


def blue_band(sheet: Sheet, rng: Rng, typefaces: Typefaces, country: str, *, right: bool) -> tuple[float, float]:
    """A band with stars and a country's sign at one end; the columns that it leaves free."""
    width = sheet.height * float(rng.uniform(0.32, 0.48))
    left = sheet.width - width if right else 0.0
    sheet.colour(left, left + width, float(rng.uniform(35, 110)), float(rng.uniform(140, 245)))
    middle = left + width / 2
    pen = ImageDraw.Draw(sheet.ink)
    pen.rectangle((left, 0, left + width, sheet.height), fill=0)
    ring, star = width * float(rng.uniform(0.24, 0.36)), max(1.0, width * 0.045)
    for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False) if rng.random() < 0.85 else ():
        x, y = middle + ring * np.cos(angle), sheet.height * 0.3 + ring * np.sin(angle)
        pen.ellipse((x - star, y - star, x + star, y + star), fill=255)
    _small_text(sheet, rng, typefaces, country, middle, 0.62)
    return (0.0, left - 2) if right else (left + width + 2, float(sheet.width))


def _small_text(sheet: Sheet, rng: Rng, typefaces: Typefaces, text: str, middle: float, down: float) -> float:
    """A few characters around the column `middle`; the column where they end."""
    font = typefaces.latin_font(rng)
    masks = [mask_of(font, char) for char in text]
    height = sheet.height * float(rng.uniform(0.14, 0.3))
    widths = [mask.width * height / mask.height for mask in masks]
    x, y = middle - sum(widths) / 2, sheet.height * float(rng.uniform(down, down + 0.06))
    for mask, room in zip(masks, widths, strict=True):
        small = mask.resize((max(1, round(room)), max(1, round(height))), Image.Resampling.BILINEAR)
        sheet.stamp(small, x, y)
        x += room + 1
    return x


def arms(sheet: Sheet, rng: Rng, typefaces: Typefaces, country: str) -> tuple[float, float]:
    """A coat of arms above a country's letters at the left end, without a band; the columns that they leave free."""
    sticker = shield(rng, sheet.height)
    left = sheet.height * float(rng.uniform(0.05, 0.16))
    sheet.stick(sticker.tones, sticker.mask, left, sheet.height * float(rng.uniform(0.1, 0.2)))
    right = _small_text(sheet, rng, typefaces, country, left + sticker.width / 2, 0.62)
    return max(left + sticker.width, right) + sheet.height * 0.03, float(sheet.width)


def dealer_strip(sheet: Sheet, rng: Rng, typefaces: Typefaces) -> None:
    """A line of small text along the lower or upper edge."""
    height = sheet.height * float(rng.uniform(0.06, 0.11))
    y = sheet.height - height - 3 if rng.random() < 0.8 else 2.0
    x = sheet.width * float(rng.uniform(0.03, 0.3))
    for small, left in _name(rng, typefaces, height, x, sheet.width * float(rng.uniform(0.6, 0.97))):
        sheet.stamp(small, left, y + height - small.height)


def lettered_strip(rng: Rng, typefaces: Typefaces, ratio: float) -> Luma:
    """A strip of a holder or a bumper with a name on it, `ratio` times as wide as high."""
    height = 24
    strip = Image.new("L", (max(height, round(height * ratio)), height), int(rng.integers(3, 250)))
    ink, text = int(rng.integers(3, 253)), height * float(rng.uniform(0.45, 0.95))
    start = strip.width * float(rng.uniform(0.02, 0.4))
    for small, left in _name(rng, typefaces, text, start, strip.width * float(rng.uniform(0.6, 0.98))):
        strip.paste(ink, (round(left), round((height + text) / 2) - small.height), small)
    return np.asarray(strip)


def _name(
    rng: Rng, typefaces: Typefaces, height: float, start: float, end: float
) -> Iterator[tuple[Image.Image, float]]:
    """Letters from `start` to `end`, and the column of each."""
    font, x = typefaces.latin_font(rng), start
    capitals = rng.random() < 0.5
    while x < end:
        if rng.random() < 0.15:
            x += height
        mask = mask_of(font, chr(int(rng.integers(65, 91)) + (0 if capitals or rng.random() < 0.2 else 32)))
        small = mask.resize((max(1, round(mask.width * height / 96)), max(1, round(mask.height * height / 80))))
        yield small, x
        x += small.width + 1
