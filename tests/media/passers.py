"""Who passes in a film: persons that stride and cars, each with a contrast to the ground behind."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Luma = npt.NDArray[np.uint8]

DARKEST, BRIGHTEST = 36, 219
"""Bounds of what is drawn: noise of at most 36 then never leaves a byte."""


@dataclass(frozen=True, slots=True)
class Walk:
    """One passage: from `left_px` to `right_px` or back, seen only between the two."""

    start: float
    end: float
    label: Literal["person", "car"]
    left_px: int
    right_px: int
    foot_px: int
    tall_px: int
    is_leftward: bool
    contrast: int
    """Of the clothes or the paint, to the ground behind; its sign says which is brighter."""

    @property
    def wide_px(self) -> int:
        return round(self.tall_px * (0.42 if self.label == "person" else 2.3))

    def x_px(self, at_seconds: float) -> float | None:
        """The left edge at a time; None where it is not in the picture."""
        if not self.start <= at_seconds <= self.end:
            return None
        share = (at_seconds - self.start) / (self.end - self.start)
        share = 1 - share if self.is_leftward else share
        half = self.wide_px / 2
        return self.left_px - half + share * (self.right_px - self.left_px)


def paste_walk(picture: Luma, walk: Walk, at_seconds: float, *, night: bool) -> None:
    x = walk.x_px(at_seconds)
    if x is None:
        return
    top = max(0, walk.foot_px - walk.tall_px)
    ground = int(np.median(picture[top : walk.foot_px : 4, walk.left_px : walk.right_px : 4]))
    paint = _figure(walk, at_seconds) if walk.label == "person" else _car(walk, night=night)
    shade = np.clip(ground + paint * (walk.contrast / 100), DARKEST, BRIGHTEST).astype(np.uint8)
    window = picture[:, walk.left_px : walk.right_px]
    paste(window, shade, paint != 0, round(x) - walk.left_px, top)


def _figure(walk: Walk, at_seconds: float) -> npt.NDArray[np.int16]:
    """A person in percent of the contrast: head, coat, and legs that stride."""
    tall, wide = walk.tall_px, walk.wide_px
    sheet = Image.new("L", (wide, tall), 0)
    draw = ImageDraw.Draw(sheet)
    middle, stride = wide / 2, 0.34 * wide * math.sin(at_seconds * 6)
    draw.ellipse((middle - 0.07 * tall, 0, middle + 0.07 * tall, 0.15 * tall), fill=60)
    draw.rounded_rectangle(
        (middle - 0.14 * tall, 0.15 * tall, middle + 0.14 * tall, 0.56 * tall), 0.05 * tall, fill=100
    )
    for side in (1, -1):
        draw.line((middle, 0.52 * tall, middle + side * stride, 0.99 * tall), fill=85, width=max(2, round(0.1 * tall)))
    return np.asarray(sheet).astype(np.int16)


def _car(walk: Walk, *, night: bool) -> npt.NDArray[np.int16]:
    """A car from its side, in percent of the contrast; by night its lamps are lit."""
    tall, wide = walk.tall_px, walk.wide_px
    sheet = Image.new("L", (wide, tall), 0)
    draw = ImageDraw.Draw(sheet)
    draw.rounded_rectangle((0, 0.4 * tall, wide - 1, 0.85 * tall), 0.1 * tall, fill=200)
    draw.polygon([(0.2 * wide, 0.42 * tall), (0.32 * wide, 0), (0.72 * wide, 0), (0.85 * wide, 0.42 * tall)], fill=150)
    for axle in (0.22, 0.78):
        draw.ellipse((axle * wide - 0.2 * tall, 0.6 * tall, axle * wide + 0.2 * tall, tall - 1), fill=40)
    paint = np.asarray(sheet).astype(np.int16)
    paint = np.where(paint == 0, 0, paint - 100)
    if night:
        lamp = (0.02 if walk.is_leftward else 0.9, 0.5)
        x, y = round(lamp[0] * wide), round(lamp[1] * tall)
        paint[y : y + tall // 8, x : x + max(2, wide // 14)] = 400 if walk.contrast > 0 else -400
    return paint


def paste(picture: Luma, shade: Luma, shape: npt.NDArray[np.bool_], left: int, top: int) -> None:
    """`shade` where `shape` says so, cut at the picture's edges."""
    rows, columns = shade.shape
    height, width = picture.shape
    first_row, first_column = max(0, -top), max(0, -left)
    last_row, last_column = min(rows, height - top), min(columns, width - left)
    if first_row >= last_row or first_column >= last_column:
        return
    part = picture[top + first_row : top + last_row, left + first_column : left + last_column]
    inside = slice(first_row, last_row), slice(first_column, last_column)
    np.copyto(part, shade[inside], where=shape[inside])
