"""Fonts of Debian packages that look like what plates are stamped, cut or printed with, and strokes of our own."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from training.street import letters, strokes
from vigie_agent.synthetic.plates import FONTS

_SIZE_PX = 96
_OWN = "strokes:"
"""Begins the name of a style of our own, where a font's name would be its path."""
_OWN_SHARE = 0.3
_OWN_ARABIC, _OWN_ARABIC_SHARE = "letters:", 0.35
_MISSING = "\u0378"

LATIN_WEIGHTS = {
    "OSP-DIN": 14,
    "osifont": 3,
    "routed-gothic": 2,
    "routed-gothic-narrow": 4,
    "BebasNeue-Regular": 2,
    "BebasNeue-Book": 2,
    "NationalPark-Regular": 2,
    "RG2014B": 2,
    "RG2014C": 3,
    "RG2014D": 3,
    "RG2014E": 2,
    "Dosis-SemiBold": 2,
    "Dosis-Medium": 2,
    "PTN77F": 2,
    "PTN57F": 2,
    "LiberationSansNarrow-Bold": 2,
    "LiberationSansNarrow-Regular": 2,
    "LiberationSans-Bold": 3,
    "LiberationSans-Regular": 1,
    "NimbusSansNarrow-Bold": 2,
    "NimbusSans-Bold": 2,
    "texgyreheroscn-bold": 2,
    "texgyreheroscn-regular": 1,
    "DejaVuSansCondensed-Bold": 1,
    "DejaVuSansCondensed": 1,
    "RobotoCondensed-Bold": 2,
    "RobotoCondensed-Regular": 2,
    "Roboto-Medium": 1,
    "OpenSans-CondBold": 1,
    "Oxygen-Sans-Bold": 1,
    "FreeSansBold": 2,
    "FreeSans": 1,
    "Lato-Bold": 1,
    "Play-Bold": 1,
    "YanoneKaffeesatz-Regular": 1,
    "Inter-SemiBold": 1,
    "URWGothic-Demi": 1,
    "LiberationSerif-Bold": 1,
    "DejaVuSerifCondensed-Bold": 1,
    "FreeSansBoldOblique": 1,
    "NotoSans-CondensedBold": 3,
    "NotoSans-ExtraCondensedMedium": 1,
}
"""How often each is drawn; plates are stamped with DIN-like dies more than with any other."""

PRINTED = (
    "LiberationSans-Bold",
    "NimbusSans-Bold",
    "FreeSansBold",
    "LiberationSans-Regular",
    "LiberationSansNarrow-Bold",
)
"""Paper plates come from an office's printer."""

ARABIC = (
    "NotoNaskhArabic-Bold",
    "NotoNaskhArabic-Regular",
    "NotoSansArabic-Regular",
    "NotoSansArabic-Bold",
    "NotoSansArabic-CondensedMedium",
    "NotoKufiArabic-SemiBold",
    "NotoKufiArabic-Regular",
    "KacstBook",
    "KacstNaskh",
    "KacstOffice",
    "KacstTitle",
    "KacstPoster",
    "KacstScreen",
    "KacstFarsi",
    "KacstLetter",
    "Amiri-Bold",
    "Amiri-Regular",
    "DejaVuSans-Bold",
    "DejaVuSansCondensed",
    "FreeSerifBold",
    "FreeMono",
    "Scheherazade-Bold",
    "Scheherazade-Regular",
    "Lateef-Regular",
    "Lateef-Bold",
    "ae_AlArabiya",
    "ae_Khalid",
    "ae_Petra",
    "ae_Salem",
    "ae_Furat",
    "ae_AlMohanad",
    "nazli",
    "nazlib",
    "homa",
    "titr",
    "Thabit-Bold",
)


@dataclass(frozen=True)
class Typefaces:
    """Paths of the fonts to draw with, one entry for each share of the drawings."""

    latin: tuple[str, ...]
    arabic: tuple[str, ...]

    @classmethod
    def found_in(cls, folder: Path | None) -> "Typefaces":
        """Those listed here that `folder` or the agent's own package holds; the latter are always there."""
        files = sorted(FONTS.glob("*.ttf"))
        if folder is not None:
            files += sorted(path for path in folder.rglob("*.[ot]tf"))
        found = {path.stem: str(path) for path in reversed(files)}
        latin = tuple(found[name] for name, share in LATIN_WEIGHTS.items() if name in found for _ in range(share))
        return cls(latin, tuple(found[name] for name in ARABIC if name in found))

    def latin_font(self, rng: np.random.Generator) -> str:
        """A font for digits and Latin letters."""
        if rng.random() < _OWN_SHARE:
            return f"{_OWN}{rng.integers(strokes.STYLES)}"
        return self.latin[rng.integers(len(self.latin))]

    def printed_font(self, rng: np.random.Generator) -> str:
        """One of those that offices print with, where there are some."""
        printed = [font for font in self.latin if Path(font).stem in PRINTED] or self.latin
        return printed[rng.integers(len(printed))]

    def arabic_font(self, rng: np.random.Generator, text: str) -> str:
        """A font that has all glyphs of `text`."""
        if letters.known(text) and rng.random() < _OWN_ARABIC_SHARE:
            return f"{_OWN_ARABIC}{rng.integers(letters.STYLES)}"
        for _ in range(20):
            font = self.arabic[rng.integers(len(self.arabic))]
            if all(has_glyph(font, char) for char in text):
                return font
        return str(FONTS / "NotoNaskhArabic-Bold.ttf")


def is_own(font: str) -> bool:
    """Whether it is a style of our own, and knows each letter in one shape."""
    return font.startswith((_OWN, _OWN_ARABIC))


@lru_cache(maxsize=256)
def _loaded(font: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font, _SIZE_PX, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=16384)
def mask_of(font: str, text: str) -> Image.Image:
    """`text` as a mask cut to its ink, set from left to right without shaping."""
    if font.startswith(_OWN):
        return strokes.glyph(int(font.removeprefix(_OWN)), text)
    if font.startswith(_OWN_ARABIC):
        return letters.letter(int(font.removeprefix(_OWN_ARABIC)), text)
    drawn = _loaded(font)
    left, top, right, bottom = (int(edge) for edge in drawn.getbbox(text))
    mask = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
    ImageDraw.Draw(mask).text((-left, -top), text, font=drawn, fill=255)
    return mask


@lru_cache(maxsize=16384)
def has_glyph(font: str, char: str) -> bool:
    """Whether the font draws `char` as anything but its box for missing characters."""
    if font.startswith(_OWN_ARABIC):
        return letters.known(char)
    mask = mask_of(font, char)
    return mask.width > 1 and mask.tobytes() != mask_of(font, _MISSING).tobytes()
