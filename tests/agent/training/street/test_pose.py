"""Poses: the points of a bent plate lie where the plate is pasted, and places map there and back."""

import numpy as np
import pytest
from PIL import Image

from training.street.camera import photograph
from training.street.plates import random_flat
from training.street.pose import Pose
from training.street.typefaces import Typefaces

CORNERS = np.array([[40, 50], [240, 80], [244, 128], [36, 104]], dtype=np.float32)
SIZE = (300, 180)


@pytest.mark.parametrize("bend_px", [0.0, 18.0, -25.0])
def test_places_map_to_the_picture_and_back(bend_px: float) -> None:
    pose = Pose(CORNERS, bend_px)
    flat = np.random.default_rng(1).random((50, 2))
    assert np.allclose(pose.flat(pose.placed(flat)), flat, atol=2e-3)


@pytest.mark.parametrize("bend_px", [0.0, 18.0, -25.0])
def test_a_mark_on_the_plate_is_seen_where_its_place_is_mapped_to(bend_px: float) -> None:
    pose = Pose(CORNERS, bend_px)
    for along, down in [(0.2, 0.3), (0.5, 0.5), (0.9, 0.7)]:
        plate = Image.new("L", (400, 100), 0)
        plate.paste(255, (int(400 * along) - 4, int(100 * down) - 4, int(400 * along) + 4, int(100 * down) + 4))
        ground = Image.new("L", SIZE, 0)
        pose.lay(plate, ground)
        seen = np.asarray(ground, dtype=np.float64)
        y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]] + 0.5
        centre = np.array([(seen * x).sum(), (seen * y).sum()]) / seen.sum()
        assert np.allclose(centre, pose.placed(np.array([along, down])), atol=1.0)


def test_points_hold_the_corners_and_the_bend() -> None:
    straight, bent = Pose(CORNERS), Pose(CORNERS, 20.0)
    for pose in (straight, bent):
        assert np.allclose(pose.points[[0, 2, 3, 5]], CORNERS, atol=1e-3)
    moved = bent.points[[1, 4]] - straight.points[[1, 4]]
    assert np.allclose(np.linalg.norm(moved, axis=1), 20.0, atol=1e-3)
    assert (moved[:, 1] > 19).all()


def test_every_shot_holds_its_whole_plate() -> None:
    typefaces, bent = Typefaces.found_in(None), 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shot = photograph(random_flat(rng, typefaces).picture, rng)
        assert shot.points.shape == (6, 2)
        assert shot.points.dtype == np.float32
        assert (shot.points >= 0).all()
        assert (shot.points <= shot.luma.shape[::-1]).all()
        bent += abs(shot.pose.bend_px) > 1
    assert bent > 5
