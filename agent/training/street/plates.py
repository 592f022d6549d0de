"""Flat plates of every kind that the reader is taught."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from training.street.alphabet import CIVIL_LETTERS
from training.street.european import european
from training.street.flat import Box, FlatPlate, Line, Piece, block, furnish, one_line, set_line, white_sheet
from training.street.furniture import blue_band
from training.street.lettering import Lettering, arabic_mask, random_latin
from training.street.typefaces import Typefaces

__all__ = ["Box", "FlatPlate", "Line", "random_flat"]

Rng = np.random.Generator


def random_flat(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """A plate of a random kind; the shares are what is hard, not what is frequent on the road."""
    return _KINDS[int(rng.choice(len(_KINDS), p=_SHARES))](rng, typefaces)


def random_digits(rng: Rng, least: int, most: int, *, leading_zeros: bool = False) -> str:
    """So many digits; long numbers as likely as they are on the road, every digit as likely as the next."""
    length = most if rng.random() < 0.5 else int(rng.integers(least, most + 1))
    digits = "".join(str(rng.integers(10)) for _ in range(length))
    return digits if leading_zeros or digits[0] != "0" else str(rng.integers(1, 10)) + digits[1:]


def civil(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """`serial | letter | region` on one line."""
    sheet, inner = white_sheet(rng, float(rng.uniform(3.9, 5.2) if rng.random() < 0.8 else rng.uniform(2.7, 3.9)))
    serial, letter, region = random_digits(rng, 1, 5), _civil_letter(rng), str(rng.integers(1, 90))
    height = (inner[3] - inner[1]) * float(rng.uniform(0.56, 0.86))
    setting = random_latin(rng, typefaces, height)
    other = _other_setting(rng, typefaces, setting)
    letter_mask = arabic_mask(rng, typefaces, letter, height * float(rng.uniform(0.6, 1.45)))
    bars = [Piece(bar=float(rng.uniform(1.2, 4.5)))] * 2
    if rng.random() < 0.06:
        bars = [Piece(bar=0.01)] * 2
    lift = float(rng.normal(0, 0.05)) * height
    pieces = [
        *(block(serial, setting, rng), bars[0]),
        *(Piece((letter_mask,), lift=lift), bars[1], block(region, other, rng)),
    ]
    set_line(sheet, inner, pieces, rng)
    furnish(sheet, rng, typefaces)
    return one_line(sheet, (*serial, letter, *region), "civil", rng)


def travel(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """The civil plate for abroad: a Latin letter for the Arabic one, at times a band with MA."""
    sheet, inner = white_sheet(rng, float(rng.uniform(4.0, 5.0)))
    serial, letter, region = random_digits(rng, 1, 5), "ABDHETY"[rng.integers(7)], str(rng.integers(1, 90))
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.56, 0.84)))
    if rng.random() < 0.5:
        left = blue_band(sheet, rng, typefaces, "MA", right=bool(rng.random() < 0.3))
        inner = (max(inner[0], left[0]), inner[1], min(inner[2], left[1]), inner[3])
    bar = Piece(bar=float(rng.uniform(1.2, 4.5)))
    set_line(
        sheet,
        inner,
        [block(serial, setting, rng), bar, block(letter, setting, rng), bar, block(region, setting, rng)],
        rng,
    )
    furnish(sheet, rng, typefaces)
    return one_line(sheet, (*serial, letter, *region), "travel", rng)


def provisional(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """A serial and WW or W18, often on paper."""
    sheet, inner = white_sheet(rng, float(rng.uniform(3.2, 5.0)))
    sheet.is_paper = True
    if rng.random() < 0.25:
        sheet.tones[:] = rng.uniform(60, 110)
    serial = random_digits(rng, 5, 6, leading_zeros=True)
    tail = "WW" if rng.random() < 0.85 else "W18"
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.35, 0.8)))
    if rng.random() < 0.5:
        setting = replace(setting, font=typefaces.printed_font(rng), pitch=0.0)
    set_line(sheet, inner, [block(serial, setting, rng), Piece(bar=0.01), block(tail, setting, rng)], rng)
    furnish(sheet, rng, typefaces)
    return one_line(sheet, (*serial, *tail), "provisional", rng)


def state(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """White digits on black, then a red token on white."""
    sheet, inner = white_sheet(rng, float(rng.uniform(4.0, 5.0)))
    edge = sheet.width * float(rng.uniform(0.66, 0.78))
    dark, bright = float(rng.uniform(10, 60)), float(rng.uniform(150, 250))
    light, red = float(rng.uniform(150, 250)), float(rng.uniform(60, 125))
    if rng.random() < 0.25:  # faded: grey on grey
        dark, red = float(rng.uniform(60, 130)), light - float(rng.uniform(28, 75))
        bright = dark + float(rng.uniform(30, 80))
    sheet.colour(0, edge, dark, bright)
    sheet.colour(edge, sheet.width, light, red)
    serial = random_digits(rng, 5, 6)
    sign = ("M", "ج", "ش", "المغرب", "قس", "قمم")[rng.choice(6, p=(0.22, 0.22, 0.22, 0.22, 0.06, 0.06))]
    height = (inner[3] - inner[1]) * float(rng.uniform(0.56, 0.86))
    setting = random_latin(rng, typefaces, height)
    set_line(sheet, (inner[0], inner[1], edge - 3, inner[3]), [block(serial, setting, rng)], rng)
    if sign == "M":
        piece = block("M", random_latin(rng, typefaces, height * float(rng.uniform(0.7, 1.0))), rng)
    else:
        piece = Piece((arabic_mask(rng, typefaces, sign, height * float(rng.uniform(0.6, 1.1))),))
    set_line(sheet, (edge + 3, inner[1], inner[2], inner[3]), [piece], rng)
    furnish(sheet, rng, typefaces)
    return one_line(sheet, (*serial, sign), "state", rng)


def two_line(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Letter and region above the serial, or a moped's region above six digits."""
    moped = bool(rng.random() < 0.45)
    sheet, inner = white_sheet(rng, float(rng.uniform(0.8, 1.3) if moped else rng.uniform(1.2, 1.65)), 150)
    middle = sheet.height * float(rng.uniform(0.42, 0.56))
    serial = random_digits(rng, 6, 6, leading_zeros=True) if moped else random_digits(rng, 1, 5)
    region = str(rng.integers(1, 90))
    height = (sheet.height - middle) * float(rng.uniform(0.5, 0.8))
    setting = random_latin(rng, typefaces, height)
    below = (inner[0], middle + 3, inner[2], inner[3])
    above = (inner[0], inner[1], inner[2], middle - 3)
    set_line(sheet, below, [block(serial, setting, rng)], rng)
    top: tuple[str, ...]
    if moped:
        top = tuple(region)
        small = Lettering(setting.font, height * float(rng.uniform(0.6, 1.0)), setting.stretch, setting.tracking)
        set_line(sheet, above, [block(region, small, rng)], rng)
    else:
        letter = _civil_letter(rng)
        top = (letter, *region)
        mask = arabic_mask(rng, typefaces, letter, height * float(rng.uniform(0.6, 1.0)))
        bar = Piece(bar=float(rng.uniform(1.2, 3.5)) if rng.random() < 0.8 else 0.01)
        set_line(sheet, above, [Piece((mask,)), bar, block(region, setting, rng)], rng)
    if rng.random() < 0.85:
        inset = sheet.width * float(rng.uniform(0, 0.1))
        sheet.bar(inset, middle - 1, sheet.width - inset, middle + float(rng.uniform(0, 2)))
    furnish(sheet, rng, typefaces)
    split = sheet.height * 0.5
    lines = (Line(top, (0, 0, sheet.width, split)), Line(tuple(serial), (0, split, sheet.width, sheet.height)))
    return FlatPlate(sheet.finished(rng), lines, "moped" if moped else "two-line")


def dashed(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Diplomatic plates, and those from before 2000: groups of digits with hyphens."""
    sheet, inner = white_sheet(rng, float(rng.uniform(4.0, 5.0)))
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.5, 0.8)))
    if rng.random() < 0.5:
        status = ("CD", "CMD", "CC", "PAT", "CI")[rng.integers(5)]
        number = f"{random_digits(rng, 1, 3)}-{random_digits(rng, 1, 3)}"
        text, pieces = status + number, [block(status, setting, rng), Piece(bar=0.01), block(number, setting, rng)]
    else:
        text = f"{random_digits(rng, 1, 4)}-{random_digits(rng, 1, 2)}-{rng.integers(1, 10)}"
        pieces = [block(text, setting, rng)]
    set_line(sheet, inner, pieces, rng)
    furnish(sheet, rng, typefaces)
    return one_line(sheet, tuple(text), "dashed", rng)


def _other_setting(rng: Rng, typefaces: Typefaces, setting: Lettering) -> Lettering:
    """The region is at times stamped with other dies, or painted over."""
    if rng.random() < 0.8:
        return setting
    font = typefaces.latin_font(rng) if rng.random() < 0.6 else setting.font
    return Lettering(
        font, setting.height * float(rng.uniform(0.8, 1.1)), float(rng.uniform(0.75, 1.3)), setting.tracking
    )


def _civil_letter(rng: Rng) -> str:
    return CIVIL_LETTERS[rng.integers(len(CIVIL_LETTERS))]


_KINDS: tuple[Callable[[Rng, Typefaces], FlatPlate], ...] = (
    *(civil, travel, provisional, state, two_line, dashed, european),
)
_SHARES = (0.46, 0.03, 0.09, 0.08, 0.13, 0.02, 0.19)
