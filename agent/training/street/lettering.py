"""Characters as a stamper sets them: one size, one stretch, one spacing; Arabic letters in any of their shapes."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from training.street.typefaces import Typefaces, has_glyph, is_own, mask_of

_SHAPES = {
    "أ": ("أ", "أ", "أ", "\ufe84"),
    "ب": ("ب", "ب", "\ufe91", "\ufe8fـ"),
    "د": ("د",),
    "ه": ("ه", "\ufeeb", "\ufeebـ", "ـ\ufeeb", "\ufeec", "ھ", "\ufeeb"),
    "و": ("و",),
    "ط": ("ط", "ط", "\ufec3"),
    "ي": ("ي", "ي", "\ufef3"),
    "ج": ("ج", "ج", "\ufe9f"),
    "ش": ("ش", "ش", "\ufeb7"),
    "المغرب": ("\ufe8f\ufeae\ufed0\ufee4\ufedf\ufe8d",),
    "قس": ("\ufeb2\ufed7", "س ق"),
    "قمم": ("\ufee2\ufee4\ufed7", "م م ق"),
}
"""Presentation forms, written from left to right."""
_NARROWEST_CELL = 0.48
_ALEF = "أ"


@dataclass(frozen=True)
class Lettering:
    """How one block of characters is set; heights in pixels of the sheet, `stretch` is width by height.

    With `pitch`, characters stand in cells about so wide, a share of the height: I has room around it, W is narrow.
    """

    font: str
    height: float
    stretch: float = 1.0
    tracking: float = 2.0
    pitch: float = 0.0

    def masks(self, text: str) -> list[Image.Image]:
        """Each character of `text`, all of one height."""
        return [self._pitched(self._sized(mask_of(self.font, char))) for char in text]

    def _pitched(self, mask: Image.Image) -> Image.Image:
        missing = round(self.pitch * self.height * self.stretch) - mask.width
        if missing < 2:
            return mask
        wider = Image.new("L", (mask.width + missing, mask.height), 0)
        wider.paste(mask, (missing // 2, 0))
        return wider

    def _scale(self, mask: Image.Image) -> float:
        return self.height / max(mask.height, 1)

    def _sized(self, mask: Image.Image) -> Image.Image:
        if mask.height < 24:  # a hyphen: keeps its own height
            return mask.resize(
                (
                    max(3, round(mask.width * self.stretch * self.height / 96)),
                    max(3, round(mask.height * self.height / 96)),
                )
            )
        width = max(2, round(mask.width * self._scale(mask) * self.stretch))
        if self.pitch:
            width = min(width, round(max(self.pitch, _NARROWEST_CELL) * self.height * self.stretch * 1.1))
        return mask.resize((width, max(2, round(self.height))), Image.Resampling.BILINEAR)


def random_latin(rng: np.random.Generator, typefaces: Typefaces, height: float) -> Lettering:
    """Digits and capitals about `height` high, narrow more often than wide."""
    stretch = float(np.clip(rng.normal(0.92, 0.16), 0.6, 1.4))
    pitch = float(rng.uniform(0.3, 0.62)) if rng.random() < 0.4 else 0.0
    return Lettering(typefaces.latin_font(rng), height, stretch, height * float(rng.uniform(0.02, 0.2)), pitch)


def arabic_mask(rng: np.random.Generator, typefaces: Typefaces, token: str, height: float) -> Image.Image:
    """`token` in a random shape and font; `height` is that of an alef in its font."""
    font, shape = typefaces.arabic_font(rng, token), token
    if not is_own(font):
        shape = _SHAPES[token][rng.integers(len(_SHAPES[token]))]
        font = typefaces.arabic_font(rng, shape + _ALEF)
    scale = height / mask_of(font, _ALEF).height
    mask = mask_of(font, shape)
    if not has_glyph(font, shape[0]):
        mask = mask_of(font, token)
    stretch = float(np.clip(rng.normal(1.05, 0.2), 0.6, 1.7))
    size = (max(2, round(mask.width * scale * stretch)), max(2, round(mask.height * scale * rng.uniform(0.85, 1.2))))
    sized = mask.resize(size, Image.Resampling.BILINEAR)
    return sized.filter(ImageFilter.MinFilter(3)) if size[1] > 14 and rng.random() < 0.15 else sized


def uneven(rng: np.random.Generator, masks: list[Image.Image]) -> list[Image.Image]:
    """The same characters painted over by hand, or glued on one by one: bolder, each turned a little."""
    bolder = int(rng.choice((1, 3, 3, 5)))
    turned = [mask.rotate(float(rng.normal(0, 2.5)), Image.Resampling.BILINEAR, expand=True) for mask in masks]
    return [mask.filter(ImageFilter.MaxFilter(bolder)) if bolder > 1 else mask for mask in turned]
