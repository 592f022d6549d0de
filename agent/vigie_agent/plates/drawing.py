"""What was seen, drawn on the picture: box, corners, and the text above."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.files import Sighting
from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS

_FONTS: Final = Path(str(files("vigie_agent.synthetic"))) / "fonts"
_ARABIC: Final = str(_FONTS / "NotoNaskhArabic-Bold.ttf")
_BOX, _CORNERS, _INK, _GROUND = (40, 120, 255), (255, 60, 60), (255, 255, 255), (20, 24, 28)
_WORDS: Final = {"المغرب": "MAROC", "قس": "QS", "قمم": "QMM"}
"""What is written for words that the package's font cannot draw."""
_TEXT_PX_MIN: Final = 14


def drawn(picture: Image.Image, seen: Sequence[Sighting]) -> Image.Image:
    """A copy of `picture` that shows them."""
    shown = picture.copy()
    pen = ImageDraw.Draw(shown)
    line = max(1, round(picture.width / 500))
    for one in seen:
        points = [(float(x), float(y)) for x, y in one.corners]
        left, top = one.corners.min(axis=0)
        right, bottom = one.corners.max(axis=0)
        pen.rectangle((left, top, right, bottom), outline=_BOX, width=line)
        pen.polygon(points, outline=_CORNERS, width=line)
        for x, y in points:
            pen.ellipse((x - 2 * line, y - 2 * line, x + 2 * line, y + 2 * line), fill=_CORNERS)
        _write(pen, one.reading, (float(left), float(top)), max(_TEXT_PX_MIN, round((right - left) / 8)))
    return shown


def _write(pen: ImageDraw.ImageDraw, reading: Reading | None, corner: tuple[float, float], size_px: int) -> None:
    """The fields from left to right, each in a font that has it: no line is laid out by its Arabic letter."""
    parts = ["?"] if reading is None else [*_fields(reading), f"  {reading.confidence:.0%}"]
    fonts = [_font(part, size_px) for part in parts]
    widths = [font.getlength(part) for part, font in zip(parts, fonts, strict=True)]
    left = max(0.0, min(corner[0], pen.im.size[0] - sum(widths) - size_px))
    top = corner[1] - 1.6 * size_px if corner[1] >= 1.6 * size_px else corner[1]
    pen.rectangle((left, top, left + sum(widths) + size_px / 2, top + 1.5 * size_px), fill=_GROUND)
    left += size_px / 4
    for part, font, width in zip(parts, fonts, widths, strict=True):
        pen.text((left, top + 1.15 * size_px), part, font=font, fill=_INK, anchor="ls")
        left += width


def _font(text: str, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The package's fonts have only what plates need; Pillow's own has the rest."""
    arabic = any(char in CIVIL_LETTERS + SERVICE_LETTERS for char in text)
    return ImageFont.truetype(_ARABIC, size_px) if arabic else ImageFont.load_default(size_px)


def _fields(reading: Reading) -> list[str]:
    plate = reading.plate
    letter = _WORDS.get(plate.letter, plate.letter)
    fields = [field for field in (plate.serial, letter, str(plate.region or ""), plate.country) if field]
    return [part for field in fields for part in (" | ", field)][1:]
