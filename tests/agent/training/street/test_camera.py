"""Pictures taken of plates: shadows across characters, hidden edges, little contrast; the same for the same seed."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from training.street import camera
from training.street.camera import Shot, photograph
from training.street.pose import Pose

PLATE = np.full((84, 380), 220, dtype=np.uint8)
PLATE[20:64, 60:320:40] = PLATE[20:64, 61:320:40] = 20


def inside(shot: Shot) -> npt.NDArray[np.float64]:
    """Tones along the plate's upper, middle and lower part."""
    flat = np.stack(np.meshgrid(np.linspace(0.05, 0.95, 90), (0.08, 0.5, 0.92)), axis=-1)
    places = shot.pose.placed(flat).round().astype(int)
    tones: npt.NDArray[np.float64] = shot.luma[places[..., 1], places[..., 0]].astype(np.float64)
    return tones


def shots(monkeypatch: pytest.MonkeyPatch, **shares: float) -> list[Shot]:
    """Plates photographed with such shares of what may happen to them, and with nothing else of it."""
    for name in ("_SHADED", "_PALE", "_COVERED", "_TWICE"):
        monkeypatch.setattr(camera, name, shares.get(name, 0.0))
    return [photograph(PLATE, np.random.default_rng((9, number))) for number in range(40)]


def test_a_seed_takes_the_same_picture_again() -> None:
    one, other = (photograph(PLATE, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.luma, other.luma)


def test_pale_pictures_have_less_contrast_but_have_some(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = np.median([inside(shot).std() for shot in shots(monkeypatch)])
    pale = [inside(shot).std() for shot in shots(monkeypatch, _PALE=1.0)]
    assert np.median(pale) < 0.6 * plain
    assert min(pale) > 0


def test_a_lip_hides_the_upper_or_the_lower_edge_and_not_the_middle() -> None:
    body = Image.new("L", (200, 60), 255)
    pose = Pose(np.array([[10, 10], [190, 10], [190, 50], [10, 50]], dtype=np.float32))
    edges = set()
    for seed in range(30):
        covered = body.copy()
        camera._cover(covered, pose, np.random.default_rng(seed))
        rows = [bool(row.min() < 255) for row in np.asarray(covered)[10:50, 10:190]]
        assert not any(rows[14:26])
        edges.add((rows[1], rows[-2]))
    assert {(True, False), (False, True)} <= edges


def test_a_shadow_lies_on_a_part_of_the_picture() -> None:
    shares = []
    for seed in range(40):
        light = camera._shadow((160, 60), np.random.default_rng(seed))
        assert light.min() > 0.15
        shares.append(float((np.abs(light - 1) > 0.2).mean()))
    assert 0.02 < np.median(shares) < 0.5
    assert max(shares) < 0.95


def test_good_pictures_have_less_noise_than_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    grey, noise = np.full((60, 160), 120, dtype=np.float32), []
    for share in (0.0, 1.0):
        monkeypatch.setattr(camera, "_CLEAR", share)
        monkeypatch.setattr(camera, "compress", lambda luma, _: luma)
        taken = [camera.expose(grey, 160.0, np.random.default_rng(seed)).astype(float) for seed in range(60)]
        noise.append(np.mean([np.abs(np.diff(picture, axis=1)).mean() for picture in taken]))
    assert noise[1] < 0.7 * noise[0]


def test_near_plates_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera, "_NEAR", 1.0)
    poses = [camera.random_pose(4.5, np.random.default_rng(seed)) for seed in range(30)]
    assert min(np.linalg.norm(pose.corners[1] - pose.corners[0]) for pose in poses) > 90
