"""Our own strokes draw every character, each unlike the others of its style, and one style unlike another."""

import numpy as np
from PIL import Image

from training.street.alphabet import DIGITS, LATIN
from training.street.strokes import STYLES, glyph

CHARS = DIGITS + LATIN
SAME_SHAPE = {frozenset("0O")}


def squared(mask: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.asarray(mask.resize((24, 40)), dtype=np.float64) / 255


def test_every_character_of_a_style_is_told_from_the_others() -> None:
    for number in range(0, STYLES, 7):
        drawn = {char: squared(glyph(number, char)) for char in CHARS}
        for char in CHARS:
            for other in CHARS:
                if char < other and {char, other} not in SAME_SHAPE:
                    assert np.abs(drawn[char] - drawn[other]).mean() > 0.01, (number, char, other)


def test_a_mask_is_cut_to_its_ink_and_nearly_full_height() -> None:
    for char in CHARS:
        mask = glyph(3, char)
        assert mask.getbbox() == (0, 0, *mask.size)
        assert 75 <= mask.height <= 112


def test_styles_differ_in_weight_and_width() -> None:
    drawn = [glyph(number, "8") for number in range(STYLES)]
    widths = [mask.width for mask in drawn]
    weights = [np.asarray(mask).mean() for mask in drawn]
    assert max(widths) > 1.4 * min(widths)
    assert max(weights) > 1.4 * min(weights)
