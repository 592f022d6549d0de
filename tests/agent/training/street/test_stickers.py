"""Stickers cover what is under them, keep their tones through stamping, and are never part of the text."""

import numpy as np
import pytest

from training.street.european import european
from training.street.sheet import Sheet
from training.street.stickers import badge, seals, shield
from training.street.typefaces import Typefaces

TYPEFACES = Typefaces.found_in(None)


@pytest.mark.parametrize("draw", [seals, shield, badge])
def test_a_sticker_covers_part_of_its_box(draw: object) -> None:
    for seed in range(20):
        sticker = draw(np.random.default_rng(seed), 60.0)  # type: ignore[operator]
        covered = np.asarray(sticker.mask) > 128
        assert 0.3 < covered.mean() <= 1.0
        assert sticker.width == sticker.mask.width < 60


def test_two_seals_stand_one_above_the_other_with_the_plate_between_them() -> None:
    apart = 0
    for seed in range(30):
        mask = np.asarray(seals(np.random.default_rng(seed), 60.0).mask)
        filled = (mask > 128).any(axis=1)
        apart += mask.shape[0] > 1.8 * mask.shape[1] and not filled.all()
    assert apart > 8


def test_a_sticker_keeps_its_tones_where_ink_is_thresholded() -> None:
    rng = np.random.default_rng(3)
    sheet = Sheet(200, 80, paper_tone=200.0, ink_tone=20.0)
    sticker = seals(rng, 60.0)
    sheet.stick(sticker.tones, sticker.mask, 90, 10)
    inside = sheet.paper[10 : 10 + sticker.tones.height, 90 : 90 + sticker.width]
    full = np.asarray(sticker.mask) == 255
    assert np.allclose(inside[full], np.asarray(sticker.tones)[full])
    assert (sheet.paper[:, :80] == 200).all()


def test_a_sticker_larger_than_its_plate_is_left_out() -> None:
    sheet = Sheet(20, 10)
    sticker = shield(np.random.default_rng(1), 80.0)
    sheet.stick(sticker.tones, sticker.mask, 2, 2)
    assert (sheet.paper == sheet.paper_tone).all()


def test_what_is_glued_on_a_european_plate_is_not_in_its_text() -> None:
    lengths = [len(european(np.random.default_rng(seed), TYPEFACES).lines[0].tokens) for seed in range(40)]
    assert min(lengths) >= 5
    assert max(lengths) <= 9
