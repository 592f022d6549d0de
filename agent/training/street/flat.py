"""A flat plate while it is set: its sheet, the pieces of its lines side by side, and what is fixed to it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from training.street.furniture import add_screws, dealer_strip
from training.street.lettering import Lettering, uneven
from training.street.sheet import Luma, Sheet
from training.street.stickers import Sticker
from training.street.typefaces import Typefaces

Rng = np.random.Generator
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the flat plate."""

_FAINT, _SOME_FAINT = 0.05, 0.06
"""How often a block has got little ink, and how often some characters of a line have."""


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
class Piece:
    """Something set on a line: masks side by side, or a bar, or a sticker, or nothing but room."""

    masks: tuple[Image.Image, ...] = ()
    tracking: float = 0.0
    bar: float = 0.0
    lift: float = 0.0
    sticker: Sticker | None = None

    @property
    def width(self) -> float:
        """In pixels of the flat plate."""
        if self.sticker:
            return float(self.sticker.width)
        if self.bar:
            return self.bar
        return sum(mask.width for mask in self.masks) + self.tracking * max(0, len(self.masks) - 1)


def white_sheet(rng: Rng, ratio: float, height: int = 84) -> tuple[Sheet, Box]:
    """A blank plate, and where on it there is room for text."""
    sheet = Sheet(round(height * ratio), height, float(rng.uniform(150, 252)), float(rng.uniform(5, 70)))
    inset = 0
    if rng.random() < 0.65:
        inset, width = int(rng.integers(0, 5)), int(rng.integers(1, 4))
        sheet.border(inset, int(rng.integers(1, 9)), width)
        inset += width
    side = inset + float(rng.uniform(3, 20))
    above = inset + float(rng.uniform(2, 8))
    return sheet, (side, above, sheet.width - side, sheet.height - above)


def block(text: str, setting: Lettering, rng: Rng) -> Piece:
    """Characters of one size side by side."""
    masks = setting.masks(text)
    return Piece(tuple(uneven(rng, masks) if rng.random() < 0.07 else masks), setting.tracking)


def set_line(sheet: Sheet, box: Box, pieces: list[Piece], rng: Rng) -> None:
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
    x, some_faint = left + gaps[0], rng.random() < _SOME_FAINT
    for piece, gap in zip(pieces, gaps[1:], strict=True):
        faint = 1.0 if rng.random() < _FAINT else 0.5 * some_faint
        _set_piece(sheet, piece, x, (top, bottom), (squeeze, drift, faint), rng)
        x += piece.width * squeeze + gap


def _set_piece(
    sheet: Sheet, piece: Piece, x: float, rows: tuple[float, float], how: tuple[float, float, float], rng: Rng
) -> None:
    """`how`: by what it is condensed, how far it drifts down, and the share of its characters with little ink."""
    (top, bottom), (squeeze, drift, faint) = rows, how
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
        ink_left = float(rng.uniform(0.15, 0.8)) if rng.random() < faint else 1.0
        sheet.stamp(shaped, x, min(max(y, 0), sheet.height - shaped.height), ink_left)
        x += (mask.width + piece.tracking) * squeeze


def furnish(sheet: Sheet, rng: Rng, typefaces: Typefaces) -> None:
    """Screws and a dealer's name, where there are some."""
    if rng.random() < 0.6:
        add_screws(sheet, rng)
    if rng.random() < 0.2:
        dealer_strip(sheet, rng, typefaces)


def one_line(sheet: Sheet, tokens: tuple[str, ...], kind: str, rng: Rng) -> FlatPlate:
    """The finished plate, to be read as a whole."""
    picture: NDArray[np.uint8] = sheet.finished(rng)
    return FlatPlate(picture, (Line(tokens, (0, 0, sheet.width, sheet.height)),), kind)
