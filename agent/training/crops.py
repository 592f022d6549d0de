"""What the reader learns from: rectified crops of plates as a detector would cut them from a frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from training.degrade import degrade
from vigie_agent.plates.rectify import perspective, rectify
from vigie_agent.synthetic.plates import FONTS, HEIGHT_PX, WIDTH_PX, PlateStyle, draw_plate, random_plate

CROP_WIDTH_PX, CROP_HEIGHT_PX = 192, 64

ALPHABET = "0123456789أبدهوطيجشW"
"""Classes of the reader in order; the blank of CTC is one more, the last."""

_PATCH_MARGIN_PX = 24
_NO_PLATE = 1 / 16


@dataclass(frozen=True)
class Typefaces:
    """Fonts to draw with, the package's own first; more of them make a better reader."""

    latin: Sequence[str] = (str(FONTS / "NotoSans-CondensedBold.ttf"),)
    arabic: Sequence[str] = (str(FONTS / "NotoNaskhArabic-Bold.ttf"), str(FONTS / "NotoKufiArabic-SemiBold.ttf"))

    @classmethod
    def found_in(cls, folder: Path | None) -> "Typefaces":
        """The package's fonts and those of `folder` listed here, when it has them."""
        if folder is None:
            return cls()
        found = {path.name: str(path) for path in sorted(folder.rglob("*.ttf"))}
        latin = [found[name] for name in _LATIN_EXTRA if name in found]
        arabic = [found[name] for name in _ARABIC_EXTRA if name in found]
        return cls(latin=(*cls.latin, *cls.latin, *latin), arabic=(*cls.arabic, *arabic))


_LATIN_EXTRA = (
    "NotoSans-SemiCondensedBold.ttf",
    "NotoSans-CondensedSemiBold.ttf",
    "DejaVuSansCondensed-Bold.ttf",
    "LiberationSansNarrow-Bold.ttf",
    "LiberationSans-Bold.ttf",
    "RobotoCondensed-Bold.ttf",
    "OpenSans-CondBold.ttf",
    "Lato-Bold.ttf",
)
_ARABIC_EXTRA = ("NotoSansArabic-Bold.ttf", "NotoNaskhArabic-SemiBold.ttf", "Amiri-Bold.ttf", "DejaVuSans-Bold.ttf")


def random_style(rng: np.random.Generator, typefaces: Typefaces) -> PlateStyle:
    """A stamper's choices."""
    arabic_font = typefaces.arabic[rng.integers(len(typefaces.arabic))]
    return PlateStyle(
        latin_font=typefaces.latin[rng.integers(len(typefaces.latin))],
        arabic_font=arabic_font,
        digit_height_px=int(rng.integers(64, 84)),
        letter_height_px=int(rng.integers(54, 80)),
        tracking_px=int(rng.integers(0, 10)),
        gap_px=int(rng.integers(14, 40)),
        bar_px=int(rng.integers(3, 8)),
        bar_overlap=float(rng.uniform(0.7, 1.0)),
        border_px=int(rng.choice([0, 3, 4, 6])),
        heh_initial="Kufi" not in arabic_font and bool(rng.random() < 0.8),
        ink=int(rng.integers(5, 60)),
        paper=int(rng.integers(190, 250)),
    )


def draw_crop(rng: np.random.Generator, typefaces: Typefaces) -> tuple[NDArray[np.uint8], str]:
    """A crop of 64 x 192 and the characters on it from left to right; one in sixteen shows no plate."""
    if rng.random() < _NO_PLATE:
        return _draw_no_plate(rng), ""
    plate = random_plate(rng)
    image = draw_plate(plate, random_style(rng, typefaces))
    width = float(np.exp(rng.uniform(np.log(70), np.log(260))))
    corners = _random_corners(rng, width)
    frame = _on_bodywork(image, corners, rng)
    luma = degrade(frame, rng)
    height = width * HEIGHT_PX / WIDTH_PX
    missed = rng.normal(0, 1, (4, 2)) * np.array([0.014 * width, 0.06 * height])
    drift = rng.normal(0, 1, 2) * np.array([0.016 * width, 0.06 * height])
    seen = (corners + missed + drift).astype(np.float32)
    return rectify(luma, seen, CROP_WIDTH_PX, CROP_HEIGHT_PX), plate.glyphs


def _draw_no_plate(rng: np.random.Generator) -> NDArray[np.uint8]:
    """What a detector may take for a plate: lamps, grilles, stripes, patches of one tone."""
    frame = Image.fromarray(rng.normal(rng.integers(30, 220), 8, (90, 240)).clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(frame)
    for _ in range(int(rng.integers(0, 9))):
        left, top = int(rng.integers(-40, 240)), int(rng.integers(-20, 90))
        width, height = int(rng.integers(2, 160)), int(rng.integers(2, 60))
        pen.rounded_rectangle((left, top, left + width, top + height), 3, fill=int(rng.integers(5, 250)))
    width = float(np.exp(rng.uniform(np.log(70), np.log(180))))
    return rectify(degrade(frame, rng), _random_corners(rng, width), CROP_WIDTH_PX, CROP_HEIGHT_PX)


def _random_corners(rng: np.random.Generator, width: float) -> NDArray[np.float32]:
    height = width * HEIGHT_PX / WIDTH_PX * float(rng.uniform(0.8, 1.3))
    box = np.array([[0, 0], [width, 0], [width, height], [0, height]])
    slope, lean = rng.normal(0, 0.05), rng.normal(0, 0.15)
    sheared = box @ np.array([[1, slope], [lean, 1]])
    bent = sheared + rng.normal(0, 0.03, (4, 2)) * height
    return (bent - bent.min(axis=0) + _PATCH_MARGIN_PX).astype(np.float32)


def _on_bodywork(image: Image.Image, corners: NDArray[np.float32], rng: np.random.Generator) -> Image.Image:
    """The plate on a panel of one colour with an edge or two; shrunk before it is bent, so that it stays smooth."""
    width, height = (int(edge) for edge in np.ceil(corners.max(axis=0) + _PATCH_MARGIN_PX))
    plate_width = min(WIDTH_PX, round(1.3 * float(np.ptp(corners[:, 0]))))
    small = image.resize((plate_width, round(plate_width * HEIGHT_PX / WIDTH_PX)), Image.Resampling.BILINEAR)
    full = np.array([[0, 0], [small.width, 0], small.size, [0, small.height]], dtype=np.float32)
    paint = int(rng.integers(10, 230))
    bent = small.transform(
        (width, height),
        Image.Transform.PERSPECTIVE,
        perspective(corners, full),
        Image.Resampling.BILINEAR,
        fillcolor=paint,
    )
    pen = ImageDraw.Draw(bent)
    bottom, top = (
        int(corners[:, 1].max()) + int(rng.integers(2, 16)),
        int(corners[:, 1].min()) - int(rng.integers(1, 12)),
    )
    pen.rectangle((0, bottom, width, height), fill=int(rng.integers(10, 230)))
    if rng.random() < 0.5:
        pen.rectangle((0, 0, width, max(1, top)), fill=int(rng.integers(10, 230)))
    return bent
