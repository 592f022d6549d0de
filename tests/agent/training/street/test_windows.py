"""Windows show the plate where their targets say, whatever was told about it; places without a plate are among them."""

import numpy as np
import pytest

from training.samples import draw_batch
from training.street.camera import photograph
from training.street.plates import civil, random_flat
from training.street.typefaces import Typefaces
from training.street.windows import LAYOUT_OF, TARGET_LENGTH, WINDOWS_EACH, DrawWindows, boxed, close, look, rough
from vigie_agent.plates.aligner import LAYOUTS, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX

TYPEFACES = Typefaces.found_in(None)
PIXELS = np.array([WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX])


def test_a_seed_draws_the_same_windows_again() -> None:
    draw = DrawWindows.with_fonts(None)
    one, other = (draw(np.random.default_rng(2)) for _ in range(2))
    assert np.array_equal(one[0], other[0])
    assert np.array_equal(one[1], other[1])


def test_windows_of_several_photographs_make_one_batch() -> None:
    pictures, targets = draw_batch(DrawWindows.with_fonts(None), seed=1, first=0, size=12)
    assert pictures.shape == (12 * WINDOWS_EACH, WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX)
    assert targets.shape == (12 * WINDOWS_EACH, TARGET_LENGTH)
    assert len({int(layout) for layout in targets[:, 12]}) > 2


def test_every_kind_of_drawn_plate_has_a_layout() -> None:
    rng = np.random.default_rng(8)
    assert {random_flat(rng, TYPEFACES).kind for _ in range(400)} <= LAYOUT_OF.keys()


def test_a_plate_stands_out_where_the_target_says() -> None:
    inside, outside = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        flat = np.full_like(civil(rng, TYPEFACES).picture, 255)
        picture, target = look(photograph(flat, rng), "civil", rng)
        x, y = (target[:12].reshape(6, 2) * PIXELS).mean(axis=0).astype(int)
        if target[13] > 50:
            inside.append(float(picture[y - 2 : y + 3, x - 10 : x + 10].std()))
            outside.append(float(picture.std()))
    assert len(inside) > 20
    assert np.mean(inside) < 0.35 * np.mean(outside)


@pytest.mark.parametrize("layout", ["moped", "foreign"])
def test_targets_name_the_layout_and_the_size(layout: str) -> None:
    rng = np.random.default_rng(4)
    _, target = look(photograph(civil(rng, TYPEFACES).picture, rng), layout, rng)  # type: ignore[arg-type]
    assert LAYOUTS[int(target[12])] == layout
    assert 20 < target[13] < 2 * WINDOW_WIDTH_PX
    assert 4 < target[14] < 2 * WINDOW_HEIGHT_PX


def test_a_second_look_is_told_more_than_a_first_one() -> None:
    rng = np.random.default_rng(3)
    shots = [photograph(civil(rng, TYPEFACES).picture, rng) for _ in range(80)]
    off = {
        told: np.mean([np.abs(told(one.corners, rng) - one.corners).mean() for one in shots]) for told in (close, rough)
    }
    assert off[close] < 0.5 * off[rough]


def test_boxes_are_upright_and_nearly_hold_the_plate() -> None:
    rng = np.random.default_rng(5)
    for _ in range(30):
        points = photograph(civil(rng, TYPEFACES).picture, rng).points
        box = boxed(points, rng)
        assert box[0, 1] == box[1, 1]
        assert box[1, 0] == box[2, 0]
        reach = 0.04 * np.ptp(points, axis=0)
        assert (box[0] < points.min(axis=0) + reach).all()
        assert (box[2] > points.max(axis=0) - reach).all()
