"""Cells become plates: one detection a plate, in the picture's own pixels."""

import numpy as np
import pytest

from tests.agent.plates.conftest import SEED, Frame
from vigie_agent.plates.aligner import Aligned
from vigie_agent.plates.detector import Detection, Detector, decode
from vigie_agent.plates.rectify import corners_of
from vigie_agent.synthetic.scenes import crossing


def cells_with(*plates: tuple[int, int, float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Cells that mean plates of 64 x 16 px centred on (column, row)."""
    cells = np.zeros((24, 40, 13), dtype=np.float32)
    cells[..., 0] = -9
    for column, row, logit in plates:
        cells[row, column] = [logit, 4, 1, 4, 1, -4, -1, 4, -1, 4, 1, -4, 1]
    return cells


def test_neighbouring_cells_of_one_plate_give_one_detection() -> None:
    cells = cells_with((10, 5, 3.0), (11, 5, 2.0))
    cells[5, 11, [1, 5, 11]] += [1, -1, -1]
    cells[5, 11, [3, 7, 9]] -= 1
    found = decode(cells, 0.5)
    assert len(found) == 1
    assert found[0].box == pytest.approx((52, 36, 116, 52))
    assert found[0].corners[2].tolist() == pytest.approx([116, 52])
    assert found[0].width_px == pytest.approx(64)


def test_two_plates_give_two_detections_surest_first() -> None:
    found = decode(cells_with((6, 4, 1.0), (30, 20, 4.0)), 0.5)
    assert [round(one.box[0]) for one in found] == [212, 20]
    assert found[0].score > found[1].score


def test_cells_below_the_threshold_are_nothing() -> None:
    assert decode(cells_with((6, 4, -0.1)), 0.5) == []


@pytest.mark.parametrize("shape", [(192, 320), (540, 960), (1080, 1920), (96, 720), (40, 30)])
def test_any_size_of_picture_is_taken(shape: tuple[int, int]) -> None:
    assert Detector().detect(np.full(shape, 90, dtype=np.uint8)) == []


def test_shipped_detector_finds_the_plates_of_a_film(frames: list[Frame]) -> None:
    scene = crossing(np.random.default_rng(SEED), vehicles=2)
    detector = Detector()
    wanted = missed = 0
    for at_seconds, luma in frames[::4]:
        found = [np.mean(one.corners, axis=0) for one in detector.detect(luma)]
        for view in scene.plates(at_seconds):
            width = float(np.ptp(view.corners[:, 0]))
            if width < 60:
                continue
            wanted += 1
            middle = view.corners.mean(axis=0)
            missed += not any(np.linalg.norm(middle - one) < 0.15 * width for one in found)
    assert wanted > 5
    assert missed <= wanted // 10


def test_what_looks_like_no_plate_from_near_is_none(frames: list[Frame]) -> None:
    detector, wanted = Detector(), 0
    for _at, luma in frames[::6]:
        found = detector.detect(luma)
        assert all(one.aligned is not None and one.aligned.is_plate for one in found)
        wanted += len(found)
    assert wanted > 3


def test_a_detection_moves_with_what_was_told_of_it() -> None:
    flat = np.array([[0, 0], [30, 1], [60, 0], [60, 16], [30, 17], [0, 16]], dtype=np.float32)
    found = Detection((0, 0, 60, 17), corners_of(flat), 0.9, Aligned(flat, {"civil": 1.0}))
    moved = found.moved(2, (10, 20))
    assert moved.aligned is not None
    assert np.array_equal(corners_of(moved.aligned.points), moved.corners)
    assert moved.box == (10, 20, 130, 54)
