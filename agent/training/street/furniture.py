"""What is on plates besides their text: screws, bands, seals, a dealer's name."""

import numpy as np
from PIL import Image, ImageDraw

from training.street.sheet import Sheet
from training.street.typefaces import Typefaces, mask_of

Rng = np.random.Generator


def add_screws(sheet: Sheet, rng: Rng) -> None:
    """Screw heads, dark or bright, by the edges and at times between the digits."""
    canvas = Image.fromarray(sheet.paper.clip(0, 255).astype(np.uint8))
    paper, ink = ImageDraw.Draw(canvas), ImageDraw.Draw(sheet.ink)
    radius = sheet.height * float(rng.uniform(0.015, 0.05))
    places = [(rng.uniform(0.01, 0.06), rng.uniform(0.3, 0.7)), (rng.uniform(0.94, 0.99), rng.uniform(0.3, 0.7))]
    for _ in range(int(rng.integers(0, 3))):
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
    masks = [mask_of(typefaces.latin_font(rng), char) for char in country]
    height = sheet.height * float(rng.uniform(0.16, 0.3))
    widths = [mask.width * height / mask.height for mask in masks]
    x = middle - sum(widths) / 2
    for mask, room in zip(masks, widths, strict=True):
        small = mask.resize((max(1, round(room)), max(1, round(height))), Image.Resampling.BILINEAR)
        sheet.stamp(small, x, sheet.height * float(rng.uniform(0.62, 0.66)))
        x += room + 1
    return (0.0, left - 2) if right else (left + width + 2, float(sheet.width))


def seal(rng: Rng, height: float) -> Image.Image:
    """A round or shield-like sticker, half filled."""
    size = max(5, round(height * float(rng.uniform(0.25, 0.55))))
    mask = Image.new("L", (size, round(size * float(rng.uniform(0.9, 1.9)))), 0)
    pen = ImageDraw.Draw(mask)
    tone = int(rng.integers(70, 230))
    box = (0, 0, mask.width - 1, mask.height - 1)
    if rng.random() < 0.6:
        pen.ellipse(box, fill=tone, outline=255)
    else:
        pen.rounded_rectangle(box, 2, fill=tone, outline=255)
    for _ in range(int(rng.integers(0, 5))):
        x, y = int(rng.integers(mask.width)), int(rng.integers(mask.height))
        pen.rectangle((x, y, x + int(rng.integers(1, 4)), y + int(rng.integers(1, 4))), fill=int(rng.integers(0, 255)))
    return mask


def dealer_strip(sheet: Sheet, rng: Rng, typefaces: Typefaces) -> None:
    """A line of small text along the lower or upper edge."""
    font = typefaces.latin_font(rng)
    height = sheet.height * float(rng.uniform(0.06, 0.1))
    y = sheet.height - height - 3 if rng.random() < 0.8 else 2.0
    x = sheet.width * float(rng.uniform(0.03, 0.3))
    end = sheet.width * float(rng.uniform(0.6, 0.97))
    while x < end:
        if rng.random() < 0.15:
            x += height
        mask = mask_of(font, chr(int(rng.integers(97, 123))) if rng.random() < 0.6 else chr(int(rng.integers(65, 91))))
        small = mask.resize((max(1, round(mask.width * height / 96)), max(1, round(mask.height * height / 80))))
        sheet.stamp(small, x, y + height - small.height)
        x += small.width + 1
