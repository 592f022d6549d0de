import numpy as np
import pytest

from vigie_agent.motion.grid import COLUMNS, grid_of


@pytest.mark.parametrize(
    ("width", "height"), [(3840, 2160), (1920, 1080), (1280, 720), (768, 432), (640, 360), (320, 192)]
)
def test_the_grid_is_about_as_fine_whatever_the_camera(width: int, height: int) -> None:
    rows, columns = grid_of(np.zeros((height, width), np.uint8)).shape
    assert 0.6 * COLUMNS <= columns <= 1.4 * COLUMNS
    assert columns / rows == pytest.approx(width / height, rel=0.05)


def test_cells_are_means() -> None:
    ramp = np.tile(np.arange(240, dtype=np.uint8), (128, 1)).repeat(8, axis=1)
    grid = grid_of(ramp)
    assert grid.shape == (8, 120)
    assert grid[:, 0] == pytest.approx(0.5)
    assert grid[:, 119] == pytest.approx(238.5)


def test_averaging_shrinks_noise() -> None:
    noise = np.clip(np.random.default_rng(1).normal(128, 8, (1080, 1920)), 0, 255).astype(np.uint8)
    assert grid_of(noise).std() < 1.5


def test_bright_pictures_do_not_overflow() -> None:
    assert grid_of(np.full((2160, 3840), 255, np.uint8)).min() == 255
