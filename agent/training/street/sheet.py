"""A flat plate while it is being made: paper, ink, and what it is when it has been on the road."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.street.textures import field as texture
from training.street.wear import Box, inked, patchy, pieced, relief, thin_out

Luma = NDArray[np.uint8]


@dataclass
class Sheet:
    """`ink` is a mask drawn upon; paper and ink tones may differ by area, as on state plates."""

    width: int
    height: int
    paper_tone: float = 220.0
    ink_tone: float = 25.0
    is_paper: bool = False
    ink: Image.Image = field(init=False)
    paper: NDArray[np.float32] = field(init=False)
    tones: NDArray[np.float32] = field(init=False)
    faint: list[tuple[Box, float]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        self.ink = Image.new("L", (self.width, self.height), 0)
        self.paper = np.full((self.height, self.width), self.paper_tone, dtype=np.float32)
        self.tones = np.full((self.height, self.width), self.ink_tone, dtype=np.float32)

    def colour(self, left: float, right: float, paper_tone: float, ink_tone: float) -> None:
        """Other tones between two columns."""
        self.paper[:, round(left) : round(right)] = paper_tone
        self.tones[:, round(left) : round(right)] = ink_tone

    def stamp(self, mask: Image.Image, x: float, y: float, left: float = 1.0) -> None:
        """Ink in the shape of `mask`, its upper left corner at x, y; about `left` of it will be left."""
        column, row = round(x), round(y)
        self.ink.paste(255, (column, row), mask)
        if left < 1:
            self.faint.append(((max(column, 0), max(row, 0), column + mask.width, row + mask.height), left))

    def stick(self, tones: Image.Image, mask: Image.Image, x: float, y: float) -> None:
        """A sticker of its own tones, which neither stamping nor wear changes."""
        left, top = round(min(max(x, 0), self.width - tones.width)), round(min(max(y, 0), self.height - tones.height))
        if left < 0 or top < 0:
            return
        under = self.paper[top : top + tones.height, left : left + tones.width]
        under += (np.asarray(tones) - under) * (np.asarray(mask, dtype=np.float32) / 255)

    def bar(self, left: float, top: float, right: float, bottom: float) -> None:
        """A filled rectangle of ink."""
        ImageDraw.Draw(self.ink).rectangle((left, top, max(left, right), max(top, bottom)), fill=255)

    def border(self, inset: int, radius: int, width: int) -> None:
        """The raised line along the edge."""
        box = (inset, inset, self.width - 1 - inset, self.height - 1 - inset)
        ImageDraw.Draw(self.ink).rounded_rectangle(box, radius, outline=255, width=width)

    def finished(self, rng: np.random.Generator) -> Luma:
        """The plate stamped, worn and dirty."""
        mask = inked(self.ink, rng)
        if rng.random() < 0.45:
            mask = mask * patchy(rng, self.height, self.width)
        thin_out(mask, self.faint, rng)
        if rng.random() < 0.1:
            left, dark = rng.uniform(0.2, 0.7), self.paper.mean() - self.tones.mean()
            mask = mask * np.float32(left if abs(dark) > 60 else 1.0)
        edges, left_on_them = relief(mask, rng)
        mask = mask * np.float32(left_on_them)
        picture = self.paper * (1 - mask) + self.tones * mask + edges
        if rng.random() < (0.3 if self.is_paper else 0.01):
            pieced(picture, rng)
        if rng.random() < 0.7:
            dirt = texture(rng, self.height, self.width)
            picture *= 1 - float(rng.uniform(0.02, 0.4) ** 1.3) * dirt
        if rng.random() < 0.15:
            _splash(picture, rng)
        if rng.random() < 0.025:
            picture = 255 - picture
        return picture.clip(0, 255).astype(np.uint8)


def _splash(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    height, width = picture.shape
    canvas = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(1, 9))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(1, max(2, height // 14)))
        pen.ellipse((x, y, x + size, y + int(size * rng.uniform(0.6, 1.8))), fill=int(rng.integers(30, 200)))
    picture[:] = np.asarray(canvas, dtype=np.float32)
