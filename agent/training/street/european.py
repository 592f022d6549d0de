"""Plates of European countries, one line of letters and digits in groups."""

from dataclasses import replace

import numpy as np
from PIL import Image

from training.street.alphabet import LATIN
from training.street.flat import FlatPlate, Piece, block, furnish, one_line, set_line, white_sheet
from training.street.furniture import arms, blue_band
from training.street.lettering import random_latin
from training.street.stickers import badge, seals
from training.street.typefaces import Typefaces

Rng = np.random.Generator

_COUNTRIES = (
    "D",
    "F",
    "I",
    "E",
    "B",
    "NL",
    "SK",
    "CZ",
    "PL",
    "BG",
    "H",
    "RO",
    "A",
    "P",
    "L",
    "S",
    "SLO",
    "HR",
    "N",
    "SK",
)
_ALIKE = "IIIIOOWWWMMMSSBBDDGGZTJLQUVYANHK"
"""Letters that are taken for another character, more often than the rest."""
_SHAPES = (
    *("LL NNN LL", "LL NNNLL", "LL NNNLL", "LL NNNLL", "LLNNNLL", "LL NN LLL", "L LL NNNN", "LL L NNN", "LLL LL NN"),
    *("NLL NNNN", "NLN NNNN", "NLN NNNN", "N LNN NNNN", "LLL NNN", "LL NNNN", "LLNNNN", "NNNN LLL", "LL NN NN"),
    *("LLL NNNN", "L NNNN LL", "LL NNNN LL", "N NNN LLL", "L LL NN", "LLNNLLL", "LL NNNNN", "LL NNNNN", "NNN LL NN"),
    *("LLL L NNN", "LLLL NNN", "LLLLLL", "L LLLLL", "LLLLLLL", "LNLL NNN", "LL NN NN LL", "LLL LLLLN", "LL NLN LL"),
)
"""L a letter, N a digit, as plates of Europe group them; some were chosen by their owners."""


def european(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Groups of letters and digits with a band or arms before them, seals or hyphens between them."""
    sheet, inner = white_sheet(rng, float(rng.uniform(4.1, 5.3)))
    country, chosen = _COUNTRIES[rng.integers(len(_COUNTRIES))], rng.random()
    if chosen < 0.55:
        left, right = blue_band(sheet, rng, typefaces, country, right=False)
        if rng.random() < 0.15:
            right = blue_band(sheet, rng, typefaces, str(rng.integers(1, 96)), right=True)[1]
        inner = (max(inner[0], left), inner[1], min(inner[2], right), inner[3])
    elif chosen < 0.75:
        inner = (max(inner[0], arms(sheet, rng, typefaces, country)[0]), *inner[1:])
    if rng.random() < 0.15:
        mark = badge(rng, sheet.height)
        inner = (*inner[:2], inner[2] - mark.width * 0.7, inner[3])
        sheet.stick(mark.tones, mark.mask, inner[2], sheet.height * float(rng.uniform(0.05, 0.5)))
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.58, 0.9)))
    if rng.random() < 0.4:
        setting = replace(setting, pitch=float(rng.uniform(0.45, 0.65)))
    groups = _european_groups(rng)
    pieces: list[Piece] = []
    for index, group in enumerate(groups):
        if index:
            pieces += _separator(rng, setting.height)
        pieces.append(block(group, setting, rng))
    set_line(sheet, inner, pieces, rng)
    furnish(sheet, rng, typefaces)
    return one_line(sheet, tuple("".join(groups)), "european", rng)


def _european_groups(rng: Rng) -> list[str]:
    shape = _SHAPES[rng.integers(len(_SHAPES))]
    letters = LATIN if rng.random() < 0.5 else _ALIKE
    chars = "".join(
        letters[rng.integers(len(letters))] if sort == "L" else str(rng.integers(10)) if sort == "N" else " "
        for sort in shape
    )
    return chars.split()


def _separator(rng: Rng, height: float) -> list[Piece]:
    """Room, a hyphen, seals, or seals beside a hyphen."""
    chosen = rng.random()
    if chosen < 0.25:
        return [Piece(bar=0.01)]
    dash = Image.new("L", (max(3, round(height * rng.uniform(0.1, 0.4))), max(2, round(height * 0.11))), 255)
    if chosen < 0.42:
        return [Piece((dash,))]
    stuck = Piece(sticker=seals(rng, height), lift=height * float(rng.normal(0, 0.06)))
    if chosen < 0.9:
        return [stuck]
    return [stuck, Piece((dash,))] if rng.random() < 0.5 else [Piece((dash,)), stuck]
