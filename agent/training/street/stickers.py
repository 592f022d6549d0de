"""What is glued between and beside the characters: pairs of seals, shields, round badges. None of it is to be read."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

_FINER = 3
"""Stickers are drawn so many times larger, then reduced: at their size every line is thin."""

Rng = np.random.Generator


@dataclass(frozen=True)
class Sticker:
    """Tones, and a mask of where they cover the plate."""

    tones: Image.Image
    mask: Image.Image

    @property
    def width(self) -> int:
        """In pixels of the sheet."""
        return self.tones.width


def seals(rng: Rng, height: float) -> Sticker:
    """One or two round seals, one above the other, at times with a hyphen between them."""
    one = rng.random() < 0.22
    across = height * float(rng.uniform(0.2, 0.5) if one else rng.uniform(0.22, 0.42))
    pen = _Pen(across, across * (1.0 if one else float(rng.uniform(1.9, 3.0))))
    pen.seal(rng, 0.0, across)
    if not one:
        pen.seal(rng, pen.height - across, across)
        if rng.random() < 0.4:
            middle, thick = pen.height / 2, height * float(rng.uniform(0.03, 0.06))
            pen.rectangle((0, middle - thick, across, middle + thick), int(rng.integers(10, 80)))
    return pen.sticker()


def shield(rng: Rng, height: float) -> Sticker:
    """A coat of arms, as on plates without a band."""
    across = height * float(rng.uniform(0.2, 0.34))
    pen = _Pen(across, across * float(rng.uniform(1.1, 1.45)))
    edge, field, cross = (int(tone) for tone in rng.integers((30, 70, 120), (170, 200, 255)))
    low = pen.height * 0.6
    points = [(0, 0), (across, 0), (across, low), (across / 2, pen.height), (0, low)]
    pen.polygon(points, field, edge)
    for y in (0.3, 0.48)[: int(rng.integers(1, 3))]:
        pen.rectangle((across * 0.25, pen.height * y, across * 0.75, pen.height * (y + 0.09)), cross)
    pen.rectangle((across * 0.44, pen.height * 0.15, across * 0.56, pen.height * 0.7), cross)
    if rng.random() < 0.5:
        pen.polygon([(across * 0.2, low), (across * 0.8, low), (across / 2, pen.height)], int(rng.integers(40, 130)))
    return pen.sticker()


def badge(rng: Rng, height: float) -> Sticker:
    """A faint round mark, such as a hologram at the plate's end."""
    across = height * float(rng.uniform(0.12, 0.3))
    pen = _Pen(across, across)
    pen.disc((0, 0, across, across), int(rng.integers(150, 250)), int(rng.integers(90, 200)))
    return pen.sticker()


class _Pen:
    """Draws a sticker in pixels of the sheet."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        size = (max(2, round(width)) * _FINER, max(2, round(height)) * _FINER)
        self._tones, self._mask = Image.new("L", size, 200), Image.new("L", size, 0)
        self._pens = ImageDraw.Draw(self._tones), ImageDraw.Draw(self._mask)

    def seal(self, rng: Rng, top: float, across: float) -> None:
        """A disc with a rim, and in it a smaller one, strokes or an emblem."""
        rim, field = int(rng.integers(20, 190)), int(rng.integers(50, 245))
        self.disc((0, top, across, top + across), field, rim, across * float(rng.uniform(0.04, 0.2)))
        inner = across * float(rng.uniform(0.15, 0.36))
        middle = top + across / 2
        box = (across / 2 - inner, middle - inner, across / 2 + inner, middle + inner)
        chosen = rng.random()
        if chosen < 0.4:
            self.disc(box, int(rng.integers(10, 255)), int(rng.integers(20, 255)))
        elif chosen < 0.6:
            self.rectangle(box, int(rng.integers(10, 255)))
        for _ in range(int(rng.integers(0, 5))):
            x, y = across * rng.uniform(0.2, 0.7), top + across * rng.uniform(0.2, 0.7)
            self.rectangle((x, y, x + across * rng.uniform(0.06, 0.3), y + across * 0.1), int(rng.integers(10, 255)))

    def disc(self, box: tuple[float, ...], fill: int, outline: int, width: float = 1.0) -> None:
        """Filled, with a rim `width` thick."""
        for pen, tones in zip(self._pens, ((fill, outline), (255, 255)), strict=True):
            pen.ellipse(_finer(box), fill=tones[0], outline=tones[1], width=max(1, round(width * _FINER)))

    def rectangle(self, box: tuple[float, ...], fill: int) -> None:
        """Filled."""
        left, top, right, bottom = _finer(box)
        for pen, tone in zip(self._pens, (fill, 255), strict=True):
            pen.rectangle((left, top, max(left, right), max(top, bottom)), fill=tone)

    def polygon(self, points: list[tuple[float, float]], fill: int, outline: int | None = None) -> None:
        """Filled, with a thin rim."""
        spots = [(x * _FINER, y * _FINER) for x, y in points]
        for pen, tone, rim in zip(self._pens, (fill, 255), (outline, 255), strict=True):
            pen.polygon(spots, fill=tone, outline=rim, width=2)

    def sticker(self) -> Sticker:
        """What was drawn, at its own size."""
        return Sticker(self._tones.reduce(_FINER), self._mask.reduce(_FINER))


def _finer(box: tuple[float, ...]) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) * _FINER for edge in box)
    return left, top, right - 1, bottom - 1
