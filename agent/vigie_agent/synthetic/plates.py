"""Plates drawn from left to right, letter by letter: no shaping engine and no font of the machine is needed."""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, Plate

WIDTH_PX, HEIGHT_PX = 498, 110
"""One pixel a millimetre: the one-line plate of the order on plates."""

FONTS = Path(str(files("vigie_agent.synthetic"))) / "fonts"
_MARGIN_PX = 40
_HEH, _HEH_INITIAL = "ه", "\ufeeb"


@dataclass(frozen=True)
class PlateStyle:
    """What the rules leave open: typeface, weights and gaps."""

    latin_font: str = str(FONTS / "NotoSans-CondensedBold.ttf")
    arabic_font: str = str(FONTS / "NotoNaskhArabic-Bold.ttf")
    digit_height_px: int = 74
    letter_height_px: int = 66
    tracking_px: int = 3
    gap_px: int = 26
    bar_px: int = 5
    bar_overlap: float = 0.92
    border_px: int = 4
    heh_initial: bool = True
    ink: int = 18
    paper: int = 235


@lru_cache(maxsize=1024)
def glyph(font: str, char: str) -> Image.Image:
    """`char` as a mask cut to its ink, about 100 pixels high."""
    drawn = ImageFont.truetype(font, 128, layout_engine=ImageFont.Layout.BASIC)
    left, top, right, bottom = (int(edge) for edge in drawn.getbbox(char))
    mask = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(mask).text((-left, -top), char, font=drawn, fill=255)
    return mask


def draw_plate(plate: Plate, style: PlateStyle | None = None) -> Image.Image:
    """The plate as a grey picture of `WIDTH_PX` by `HEIGHT_PX`; what is too wide is condensed, as stampers do."""
    style = style or PlateStyle()
    blocks = [_block(text, style) for text in _fields(plate)]
    gaps = 2 * (len(blocks) - 1)
    ink_px = sum(width for _, width in blocks)
    gap = max(9, min(style.gap_px, (WIDTH_PX - _MARGIN_PX - ink_px) // gaps))
    wide = Image.new("L", (max(WIDTH_PX, ink_px + gap * gaps + _MARGIN_PX), HEIGHT_PX), style.paper)
    x = (wide.width - ink_px - gap * gaps) / 2
    for index, (glyphs, width) in enumerate(blocks):
        _paste_block(wide, glyphs, x, style)
        x += width + 2 * gap
        if index < len(blocks) - 1 and plate.kind == "civil":
            _draw_bar(wide, x - gap, style)
    image = wide if wide.width == WIDTH_PX else wide.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BILINEAR)
    if style.border_px:
        frame = (2, 2, WIDTH_PX - 3, HEIGHT_PX - 3)
        ImageDraw.Draw(image).rounded_rectangle(frame, 10, outline=style.ink, width=style.border_px)
    return image


def random_plate(rng: np.random.Generator) -> Plate:
    """A plate with every digit count, letter and region as likely as the next; one in twelve is provisional."""
    if rng.random() < 1 / 12:
        return Plate(kind="ww", serial=f"{rng.integers(10_000, 1_000_000)}", letter="WW")
    digits = int(rng.choice([1, 2, 3, 4, 5], p=[0.06, 0.09, 0.15, 0.25, 0.45]))
    serial = str(rng.integers(10 ** (digits - 1), 10**digits))
    letters = CIVIL_LETTERS * 3 + SERVICE_LETTERS
    return Plate(
        kind="civil", serial=serial, letter=letters[rng.integers(len(letters))], region=int(rng.integers(1, 90))
    )


def _fields(plate: Plate) -> list[str]:
    region = [] if plate.region is None else [str(plate.region)]
    return [plate.serial, plate.letter, *region]


def _block(text: str, style: PlateStyle) -> tuple[list[Image.Image], int]:
    glyphs = [_styled(char, style) for char in text]
    return glyphs, sum(one.width for one in glyphs) + style.tracking_px * (len(glyphs) - 1)


def _styled(char: str, style: PlateStyle) -> Image.Image:
    if char.isascii():
        mask, height = glyph(style.latin_font, char), style.digit_height_px
    else:
        shape = _HEH_INITIAL if char == _HEH and style.heh_initial else char
        mask, height = glyph(style.arabic_font, shape), style.letter_height_px
        if char == "د":
            height = round(height * 0.75)
    return mask.resize((max(2, round(mask.width * height / mask.height)), height), Image.Resampling.BILINEAR)


def _paste_block(image: Image.Image, glyphs: list[Image.Image], x: float, style: PlateStyle) -> None:
    for mask in glyphs:
        image.paste(style.ink, (round(x), (HEIGHT_PX - mask.height) // 2), mask)
        x += mask.width + style.tracking_px


def _draw_bar(image: Image.Image, x: float, style: PlateStyle) -> None:
    half = style.bar_overlap * (HEIGHT_PX - 12) / 2
    middle = HEIGHT_PX / 2
    ImageDraw.Draw(image).rectangle(
        (x - style.bar_px / 2, middle - half, x + style.bar_px / 2, middle + half), fill=style.ink
    )
