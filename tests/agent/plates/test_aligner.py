"""A plate told roughly is told exactly, and of which layout it is; a window shows what it says it does."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vigie_agent.plates.aligner import WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX, Aligner, Window, is_upright
from vigie_agent.plates.rectify import Corners, corners_of, perspective
from vigie_agent.synthetic.plates import draw_plate
from vigie_shared.plates import Plate

PLATE = Plate(kind="civil", serial="70123", letter="ب", region=72)
BOX = np.array([[30, 40], [170, 40], [170, 71], [30, 71]], dtype=np.float32)


def shot(corners: Corners, size: tuple[int, int] = (220, 130)) -> NDArray[np.uint8]:
    """A drawn plate at `corners` on a dark panel."""
    drawn = draw_plate(PLATE).resize((250, 55)).convert("L")
    full = np.array([[0, 0], [250, 0], [250, 55], [0, 55]], dtype=np.float32)
    laid = perspective(corners, full)
    kind, smooth = Image.Transform.PERSPECTIVE, Image.Resampling.BILINEAR
    ground = Image.new("L", size, 60)
    mask = Image.new("L", drawn.size, 255).transform(size, kind, laid, smooth)
    ground.paste(drawn.transform(size, kind, laid, smooth), (0, 0), mask)
    return np.asarray(ground)


def turned(corners: Corners, degrees: float) -> Corners:
    angle, middle = np.radians(degrees), corners.mean(axis=0)
    matrix = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    result: Corners = ((corners - middle) @ matrix + middle).astype(np.float32)
    return result


def box_around(corners: Corners) -> Corners:
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)


@pytest.mark.parametrize("boxed", [False, True])
@pytest.mark.parametrize("degrees", [0.0, 20.0, -35.0])
def test_places_go_into_a_window_and_come_back(degrees: float, boxed: bool) -> None:
    window = Window.around(turned(BOX, degrees), boxed=boxed)
    assert np.allclose(window.outwards(window.inwards(BOX)), BOX, atol=1e-3)
    inside = window.inwards(turned(BOX, degrees))
    assert (inside > 0).all()
    assert (inside < 1).all()


def test_a_window_shows_the_plate_where_it_says() -> None:
    corners = turned(BOX, 12)
    frame = np.full((130, 220), 60, dtype=np.uint8)
    x, y = (corners[0] + 0.5 * (corners[2] - corners[0])).astype(int)
    frame[y - 1 : y + 2, x - 1 : x + 2] = 250
    window = Window.around(corners + np.float32(5))
    row, column = np.unravel_index(int(window.picture(frame).argmax()), (WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX))
    told = window.inwards(np.array([[x + 0.5, y + 0.5]], dtype=np.float32))[0] * (WINDOW_WIDTH_PX, WINDOW_HEIGHT_PX)
    assert told == pytest.approx((column + 0.5, row + 0.5), abs=2)


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0, 5.0, 12.0])
def test_a_window_is_neither_very_flat_nor_tall(ratio: float) -> None:
    corners = np.array([[0, 0], [40 * ratio, 0], [40 * ratio, 40], [0, 40]], dtype=np.float32)
    window = Window.around(corners)
    assert 1.49 < np.linalg.norm(window.across) / np.linalg.norm(window.down) < 3.51


@pytest.mark.parametrize("offset", [-500, 150, 900])
def test_a_window_beyond_the_picture_is_grey_there(offset: int) -> None:
    picture = Window.around(BOX + np.float32(offset)).picture(np.full((130, 220), 250, dtype=np.uint8))
    assert picture.shape == (WINDOW_HEIGHT_PX, WINDOW_WIDTH_PX)
    assert (picture == 128).any()


@pytest.mark.parametrize(
    "corners", [np.zeros((4, 2)), np.full((4, 2), 1e4), np.array([[0, 0], [9, 0], [9, 0], [0, 0]])]
)
def test_corners_of_nothing_are_no_error(corners: Corners) -> None:
    aligned = Aligner().align(np.full((130, 220), 90, dtype=np.uint8), corners.astype(np.float32))
    assert np.isfinite(aligned.points).all()


def test_only_boxes_that_nobody_straightened_are_upright() -> None:
    assert is_upright(BOX)
    assert not is_upright(BOX + np.array([[0, 0], [0, 1], [0, 1], [0, 0]], dtype=np.float32))


@pytest.mark.parametrize("degrees", [-16.0, -6.0, 0.0, 9.0, 18.0])
def test_corners_told_roughly_are_told_exactly(degrees: float) -> None:
    corners = turned(BOX, degrees)
    rng = np.random.default_rng(7)
    for _ in range(4):
        rough = corners + rng.normal(0, 1, (4, 2)) * (6, 3) + rng.normal(0, 1, 2) * (7, 4)
        off = corners_of(Aligner().align(shot(corners), rough.astype(np.float32)).points) - corners
        assert np.abs(off).mean() < 0.07 * 31


@pytest.mark.parametrize("degrees", [-14.0, 0.0, 14.0])
def test_a_plate_is_found_in_its_box(degrees: float) -> None:
    corners = turned(BOX, degrees)
    aligned = Aligner().align(shot(corners), box_around(corners))
    assert np.abs(corners_of(aligned.points) - corners).mean() < 0.07 * 31


def test_layouts_are_chances_of_which_the_right_one_is_largest() -> None:
    layouts = Aligner().align(shot(BOX), BOX).layouts
    assert sum(layouts.values()) == pytest.approx(1, abs=1e-4)
    assert max(layouts, key=lambda one: layouts[one]) == "civil"


def test_a_bare_panel_is_no_plate() -> None:
    rng = np.random.default_rng(1)
    panel = rng.normal(90, 3, (130, 220)).clip(0, 255).astype(np.uint8)
    panel[60:64] = 30
    assert Aligner().align(panel, BOX).layouts["none"] > 0.5
