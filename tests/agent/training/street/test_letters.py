"""Arabic letters of our own: each differs from the others and from itself in another style; styles are reproducible."""

import numpy as np
import pytest

from training.street import typefaces
from training.street.alphabet import CIVIL_LETTERS
from training.street.lettering import arabic_mask
from training.street.letters import STYLES, known, letter
from training.street.typefaces import Typefaces

TYPEFACES = Typefaces.found_in(None)


def ink(number: int, char: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(letter(number, char).resize((48, 48)))


def test_every_letter_of_civil_plates_has_a_skeleton_and_words_have_none() -> None:
    assert all(known(char) for char in CIVIL_LETTERS)
    assert not known("المغرب")


@pytest.mark.parametrize("number", range(0, STYLES, 7))
def test_letters_of_one_style_differ(number: int) -> None:
    drawn = [ink(number, char) for char in CIVIL_LETTERS]
    for place, one in enumerate(drawn):
        assert one.max() > 200
        assert all(np.abs(one.astype(int) - other).mean() > 12 for other in drawn[:place])


def test_a_style_draws_the_same_again_and_another_one_does_not() -> None:
    for char in CIVIL_LETTERS:
        assert np.array_equal(ink(3, char), ink(3, char))
        assert not np.array_equal(ink(3, char), ink(4, char))


def test_all_styles_are_slender_and_an_alef_is_about_96_pixels_high() -> None:
    for number in range(STYLES):
        assert 80 < letter(number, "أ").height < 125
        assert (np.asarray(letter(number, "ب")) > 127).mean() < 0.65


def test_plates_are_set_in_letters_of_our_own_as_well_as_in_fonts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    own = {typefaces.is_own(TYPEFACES.arabic_font(rng, "و")) for _ in range(40)}
    assert own == {True, False}
    monkeypatch.setattr(typefaces, "_OWN_ARABIC_SHARE", 1.0)
    for char in CIVIL_LETTERS:
        mask = arabic_mask(rng, TYPEFACES, char, 40.0)
        assert 10 < mask.height < 60
        assert np.asarray(mask).max() > 200
    assert np.asarray(arabic_mask(rng, TYPEFACES, "المغرب", 40.0)).max() > 200
