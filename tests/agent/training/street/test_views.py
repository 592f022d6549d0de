"""Street views: targets mean the plates that were drawn, and streets without plates want none."""

import numpy as np

from training.street.scenery import backdrop
from training.street.typefaces import Typefaces
from training.street.views import VIEW_HEIGHT_PX, VIEW_WIDTH_PX, draw_view
from training.views import CELL_CHANNELS
from vigie_agent.plates.detector import decode

TYPEFACES = Typefaces.found_in(None)


def test_targets_decode_to_plates_inside_the_view() -> None:
    counted = set()
    for seed in range(30):
        picture, targets = draw_view(np.random.default_rng(seed), TYPEFACES)
        assert picture.shape == (VIEW_HEIGHT_PX, VIEW_WIDTH_PX)
        assert targets.shape == (VIEW_HEIGHT_PX // 8, VIEW_WIDTH_PX // 8, CELL_CHANNELS)
        targets[..., 0] = np.where(targets[..., 0] > 0, 9, -9)
        found = decode(targets, 0.5)
        counted.add(len(found))
        for plate in found:
            assert (plate.corners >= 0).all()
            assert (plate.corners <= (VIEW_WIDTH_PX, VIEW_HEIGHT_PX)).all()
    assert {0, 1} <= counted


def test_a_seed_draws_the_same_view_again() -> None:
    one, other = (draw_view(np.random.default_rng(4), TYPEFACES) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_a_backdrop_is_handed_out_as_a_copy() -> None:
    size = (VIEW_WIDTH_PX, VIEW_HEIGHT_PX)
    first = backdrop(np.random.default_rng(1), TYPEFACES, size)
    kept = np.asarray(first).copy()
    first.paste(0, (0, 0, *size))
    assert np.array_equal(np.asarray(backdrop(np.random.default_rng(1), TYPEFACES, size)), kept)
