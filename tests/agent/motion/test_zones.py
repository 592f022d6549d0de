import numpy as np
import pytest

from vigie_agent.motion.zones import cells_in, watched_cells

TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))


def test_two_corners_are_a_rectangle_whichever_comes_first() -> None:
    expected = np.zeros((4, 8), bool)
    expected[1:3, 2:6] = True
    for corners in [((0.25, 0.25), (0.75, 0.75)), ((0.75, 0.25), (0.25, 0.75)), ((0.75, 0.75), (0.25, 0.25))]:
        assert (cells_in((4, 8), corners) == expected).all()


def test_a_polygon_holds_the_cells_whose_middle_it_holds() -> None:
    inside = cells_in((10, 10), TRIANGLE)
    for row in range(10):
        for column in range(10):
            if row + column != 9:
                assert inside[row, column] == (row + column < 9), (row, column)


def test_the_whole_picture_is_all_cells() -> None:
    assert cells_in((5, 7), ((0.0, 0.0), (1.0, 1.0))).all()


def test_a_polygon_that_crosses_itself_is_hollow_where_it_covers_twice() -> None:
    twice = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    assert not cells_in((5, 5), twice).any()


@pytest.mark.parametrize("shape", [(4, 8), (67, 120)])
def test_masks_are_cut_out_of_zones(shape: tuple[int, int]) -> None:
    left, top = ((0.0, 0.0), (0.5, 1.0)), ((0.0, 0.0), (1.0, 0.5))
    watched = watched_cells(shape, [left], [top])
    assert watched is not None
    assert (watched == (cells_in(shape, left) & ~cells_in(shape, top))).all()
    assert watched_cells(shape, [], []) is None
    only_mask = watched_cells(shape, [], [top])
    assert only_mask is not None
    assert (only_mask == ~cells_in(shape, top)).all()
