"""Flat plates of every kind that the reader is taught, and the lines to be read on each."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.street.alphabet import CIVIL_LETTERS, LATIN
from training.street.furniture import add_screws, arms, blue_band, dealer_strip
from training.street.lettering import Lettering, arabic_mask, random_latin, uneven
from training.street.sheet import Luma, Sheet
from training.street.stickers import Sticker, badge, seals
from training.street.typefaces import Typefaces

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the flat plate."""


@dataclass(frozen=True)
class Line:
    """What one line says, and the part of the plate that it is read from."""

    tokens: tuple[str, ...]
    box: Box


@dataclass(frozen=True)
class FlatPlate:
    """A plate seen squarely."""

    picture: Luma
    lines: tuple[Line, ...]
    kind: str


@dataclass(frozen=True)
class _Piece:
    """Something set on a line: masks side by side, or a bar, or a sticker, or nothing but room."""

    masks: tuple[Image.Image, ...] = ()
    tracking: float = 0.0
    bar: float = 0.0
    lift: float = 0.0
    sticker: Sticker | None = None

    @property
    def width(self) -> float:
        if self.sticker:
            return float(self.sticker.width)
        if self.bar:
            return self.bar
        return sum(mask.width for mask in self.masks) + self.tracking * max(0, len(self.masks) - 1)


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
    sheet, inner = _white_sheet(rng, float(rng.uniform(3.9, 5.2) if rng.random() < 0.8 else rng.uniform(2.7, 3.9)))
    serial, letter, region = random_digits(rng, 1, 5), _civil_letter(rng), str(rng.integers(1, 90))
    height = (inner[3] - inner[1]) * float(rng.uniform(0.56, 0.86))
    setting = random_latin(rng, typefaces, height)
    other = _other_setting(rng, typefaces, setting)
    letter_mask = arabic_mask(rng, typefaces, letter, height * float(rng.uniform(0.6, 1.45)))
    bars = [_Piece(bar=float(rng.uniform(1.2, 4.5)))] * 2
    if rng.random() < 0.06:
        bars = [_Piece(bar=0.01)] * 2
    lift = float(rng.normal(0, 0.05)) * height
    pieces = [
        *(_block(serial, setting, rng), bars[0]),
        *(_Piece((letter_mask,), lift=lift), bars[1], _block(region, other, rng)),
    ]
    _set_line(sheet, inner, pieces, rng)
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, (*serial, letter, *region), "civil", rng)


def travel(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """The civil plate for abroad: a Latin letter for the Arabic one, at times a band with MA."""
    sheet, inner = _white_sheet(rng, float(rng.uniform(4.0, 5.0)))
    serial, letter, region = random_digits(rng, 1, 5), "ABDHETY"[rng.integers(7)], str(rng.integers(1, 90))
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.56, 0.84)))
    if rng.random() < 0.5:
        left = blue_band(sheet, rng, typefaces, "MA", right=bool(rng.random() < 0.3))
        inner = (max(inner[0], left[0]), inner[1], min(inner[2], left[1]), inner[3])
    bar = _Piece(bar=float(rng.uniform(1.2, 4.5)))
    _set_line(
        sheet,
        inner,
        [_block(serial, setting, rng), bar, _block(letter, setting, rng), bar, _block(region, setting, rng)],
        rng,
    )
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, (*serial, letter, *region), "travel", rng)


def provisional(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """A serial and WW or W18, often on paper."""
    sheet, inner = _white_sheet(rng, float(rng.uniform(3.2, 5.0)))
    if rng.random() < 0.25:
        sheet.tones[:] = rng.uniform(60, 110)
    serial = random_digits(rng, 5, 6, leading_zeros=True)
    tail = "WW" if rng.random() < 0.85 else "W18"
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.35, 0.8)))
    _set_line(sheet, inner, [_block(serial, setting, rng), _Piece(bar=0.01), _block(tail, setting, rng)], rng)
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, (*serial, *tail), "provisional", rng)


def state(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """White digits on black, then a red token on white."""
    sheet, inner = _white_sheet(rng, float(rng.uniform(4.0, 5.0)))
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
    _set_line(sheet, (inner[0], inner[1], edge - 3, inner[3]), [_block(serial, setting, rng)], rng)
    if sign == "M":
        piece = _block("M", random_latin(rng, typefaces, height * float(rng.uniform(0.7, 1.0))), rng)
    else:
        piece = _Piece((arabic_mask(rng, typefaces, sign, height * float(rng.uniform(0.6, 1.1))),))
    _set_line(sheet, (edge + 3, inner[1], inner[2], inner[3]), [piece], rng)
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, (*serial, sign), "state", rng)


def two_line(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Letter and region above the serial, or a moped's region above six digits."""
    moped = bool(rng.random() < 0.45)
    sheet, inner = _white_sheet(rng, float(rng.uniform(0.8, 1.3) if moped else rng.uniform(1.2, 1.65)), 150)
    middle = sheet.height * float(rng.uniform(0.42, 0.56))
    serial = random_digits(rng, 6, 6, leading_zeros=True) if moped else random_digits(rng, 1, 5)
    region = str(rng.integers(1, 90))
    height = (sheet.height - middle) * float(rng.uniform(0.5, 0.8))
    setting = random_latin(rng, typefaces, height)
    below = (inner[0], middle + 3, inner[2], inner[3])
    above = (inner[0], inner[1], inner[2], middle - 3)
    _set_line(sheet, below, [_block(serial, setting, rng)], rng)
    top: tuple[str, ...]
    if moped:
        top = tuple(region)
        small = Lettering(setting.font, height * float(rng.uniform(0.6, 1.0)), setting.stretch, setting.tracking)
        _set_line(sheet, above, [_block(region, small, rng)], rng)
    else:
        letter = _civil_letter(rng)
        top = (letter, *region)
        mask = arabic_mask(rng, typefaces, letter, height * float(rng.uniform(0.6, 1.0)))
        bar = _Piece(bar=float(rng.uniform(1.2, 3.5)) if rng.random() < 0.8 else 0.01)
        _set_line(sheet, above, [_Piece((mask,)), bar, _block(region, setting, rng)], rng)
    if rng.random() < 0.85:
        inset = sheet.width * float(rng.uniform(0, 0.1))
        sheet.bar(inset, middle - 1, sheet.width - inset, middle + float(rng.uniform(0, 2)))
    _furnish(sheet, rng, typefaces)
    split = sheet.height * 0.5
    lines = (Line(top, (0, 0, sheet.width, split)), Line(tuple(serial), (0, split, sheet.width, sheet.height)))
    return FlatPlate(sheet.finished(rng), lines, "moped" if moped else "two-line")


def dashed(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Diplomatic plates, and those from before 2000: groups of digits with hyphens."""
    sheet, inner = _white_sheet(rng, float(rng.uniform(4.0, 5.0)))
    setting = random_latin(rng, typefaces, (inner[3] - inner[1]) * float(rng.uniform(0.5, 0.8)))
    if rng.random() < 0.5:
        status = ("CD", "CMD", "CC", "PAT", "CI")[rng.integers(5)]
        number = f"{random_digits(rng, 1, 3)}-{random_digits(rng, 1, 3)}"
        text, pieces = status + number, [_block(status, setting, rng), _Piece(bar=0.01), _block(number, setting, rng)]
    else:
        text = f"{random_digits(rng, 1, 4)}-{random_digits(rng, 1, 2)}-{rng.integers(1, 10)}"
        pieces = [_block(text, setting, rng)]
    _set_line(sheet, inner, pieces, rng)
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, tuple(text), "dashed", rng)


def european(rng: Rng, typefaces: Typefaces) -> FlatPlate:
    """Groups of letters and digits with a band or arms before them, seals or hyphens between them."""
    sheet, inner = _white_sheet(rng, float(rng.uniform(4.1, 5.3)))
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
    pieces: list[_Piece] = []
    for index, group in enumerate(groups):
        if index:
            pieces += _separator(rng, setting.height)
        pieces.append(_block(group, setting, rng))
    _set_line(sheet, inner, pieces, rng)
    _furnish(sheet, rng, typefaces)
    return _one_line(sheet, tuple("".join(groups)), "european", rng)


def _european_groups(rng: Rng) -> list[str]:
    shape = _SHAPES[rng.integers(len(_SHAPES))]
    letters = LATIN if rng.random() < 0.5 else _ALIKE
    chars = "".join(
        letters[rng.integers(len(letters))] if sort == "L" else str(rng.integers(10)) if sort == "N" else " "
        for sort in shape
    )
    return chars.split()


def _separator(rng: Rng, height: float) -> list[_Piece]:
    """Room, a hyphen, seals, or seals beside a hyphen."""
    chosen = rng.random()
    if chosen < 0.25:
        return [_Piece(bar=0.01)]
    dash = Image.new("L", (max(3, round(height * rng.uniform(0.1, 0.4))), max(2, round(height * 0.11))), 255)
    if chosen < 0.42:
        return [_Piece((dash,))]
    stuck = _Piece(sticker=seals(rng, height), lift=height * float(rng.normal(0, 0.06)))
    if chosen < 0.9:
        return [stuck]
    return [stuck, _Piece((dash,))] if rng.random() < 0.5 else [_Piece((dash,)), stuck]


def _white_sheet(rng: Rng, ratio: float, height: int = 84) -> tuple[Sheet, Box]:
    sheet = Sheet(round(height * ratio), height, float(rng.uniform(150, 252)), float(rng.uniform(5, 70)))
    inset = 0
    if rng.random() < 0.65:
        inset, width = int(rng.integers(0, 5)), int(rng.integers(1, 4))
        sheet.border(inset, int(rng.integers(1, 9)), width)
        inset += width
    side = inset + float(rng.uniform(3, 20))
    above = inset + float(rng.uniform(2, 8))
    return sheet, (side, above, sheet.width - side, sheet.height - above)


def _block(text: str, setting: Lettering, rng: Rng) -> _Piece:
    masks = setting.masks(text)
    return _Piece(tuple(uneven(rng, masks) if rng.random() < 0.07 else masks), setting.tracking)


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


def _set_line(sheet: Sheet, box: Box, pieces: list[_Piece], rng: Rng) -> None:
    """Pieces from left to right, with random room between them; too wide ones are condensed."""
    left, top, right, bottom = box
    room = right - left
    gap_least = (bottom - top) * float(rng.uniform(0.05, 0.28))
    least = gap_least * (len(pieces) - 1)
    squeeze = min(1.0, (room - least) / max(1.0, sum(piece.width for piece in pieces)))
    spare = room - squeeze * sum(piece.width for piece in pieces)
    shares = rng.dirichlet(np.full(len(pieces) + 1, 5.0))
    tight = float(rng.uniform(0.5, 1.2))
    shares[1:-1] *= tight
    shares[[0, -1]] += (1 - shares.sum()) / 2
    gaps = np.maximum(shares * spare, [0, *[gap_least] * (len(pieces) - 1), 0])
    drift = float(rng.normal(0, 0.03)) * (bottom - top)
    x = left + gaps[0]
    for piece, gap in zip(pieces, gaps[1:], strict=True):
        _set_piece(sheet, piece, x, (top, bottom), squeeze, drift, rng)
        x += piece.width * squeeze + gap


def _set_piece(
    sheet: Sheet, piece: _Piece, x: float, rows: tuple[float, float], squeeze: float, drift: float, rng: Rng
) -> None:
    top, bottom = rows
    if piece.sticker:
        tones, mask = piece.sticker.tones, piece.sticker.mask
        if squeeze != 1:
            size = (max(2, round(tones.width * squeeze)), tones.height)
            tones, mask = tones.resize(size), mask.resize(size)
        sheet.stick(tones, mask, x, (top + bottom - tones.height) / 2 + piece.lift + drift)
        return
    if piece.bar >= 1:
        reach = (bottom - top) * float(rng.uniform(0.0, 0.18))
        sheet.bar(x, top + reach, x + piece.bar - 1, bottom - reach)
        return
    for mask in piece.masks:
        shaped = mask if squeeze == 1 else mask.resize((max(2, round(mask.width * squeeze)), mask.height))
        y = (top + bottom - shaped.height) / 2 + piece.lift + drift
        sheet.stamp(shaped, x, min(max(y, 0), sheet.height - shaped.height))
        x += (mask.width + piece.tracking) * squeeze


def _furnish(sheet: Sheet, rng: Rng, typefaces: Typefaces) -> None:
    if rng.random() < 0.6:
        add_screws(sheet, rng)
    if rng.random() < 0.2:
        dealer_strip(sheet, rng, typefaces)


def _one_line(sheet: Sheet, tokens: tuple[str, ...], kind: str, rng: Rng) -> FlatPlate:
    picture: NDArray[np.uint8] = sheet.finished(rng)
    return FlatPlate(picture, (Line(tokens, (0, 0, sheet.width, sheet.height)),), kind)


_KINDS: tuple[Callable[[Rng, Typefaces], FlatPlate], ...] = (
    *(civil, travel, provisional, state, two_line, dashed, european),
)
_SHARES = (0.46, 0.03, 0.08, 0.08, 0.13, 0.02, 0.20)

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
