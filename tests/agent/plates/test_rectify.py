"""A plate at a slant comes out upright; a crop always fits."""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from vigie_agent.plates.crop import crop_jpeg
from vigie_agent.plates.rectify import corners_of, mapped, perspective, rectify, stretch, upright
from vigie_agent.synthetic.plates import HEIGHT_PX, WIDTH_PX, draw_plate
from vigie_shared.plates import Plate

PLATE = Plate(kind="civil", serial="12345", letter="أ", region=6)
SLANTED = np.array([[40, 30], [180, 44], [176, 80], [36, 64]], dtype=np.float32)


def test_slanted_plate_comes_out_as_the_flat_one_does() -> None:
    flat = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], dtype=np.float32)
    small = draw_plate(PLATE).resize((250, 55))
    coefficients = perspective(SLANTED, flat * np.array([250 / WIDTH_PX, 55 / HEIGHT_PX], dtype=np.float32))
    frame = small.transform((220, 120), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    straightened = rectify(np.asarray(frame), SLANTED, 192, 64).astype(float)
    inside = upright(192, 64).astype(int)
    (left, top), (right, bottom) = inside[0], inside[2]
    ideal = np.asarray(draw_plate(PLATE).resize((right - left, bottom - top))).astype(float)
    part = straightened[top:bottom, left:right]
    assert np.corrcoef(part.ravel(), ideal.ravel())[0, 1] > 0.8


def bent(depth_px: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """A plate whose middle lies `depth_px` lower than its ends, and its six points."""
    flat = np.asarray(draw_plate(PLATE))
    y, x = np.mgrid[0:300, 0:700] - np.array([100, 100]).reshape(2, 1, 1)
    along = x / WIDTH_PX
    down = y - 0.1 * x - depth_px * 4 * along * (1 - along)
    inside = (along >= 0) & (along < 1) & (down >= 0) & (down < HEIGHT_PX)
    frame = np.full((300, 700), 60, dtype=np.uint8)
    frame[inside] = flat[down[inside].astype(int), x[inside]]
    upper = np.array([[0, 0], [WIDTH_PX / 2, 0.05 * WIDTH_PX + depth_px], [WIDTH_PX, 0.1 * WIDTH_PX]]) + 100
    lower = upper[::-1] + np.array([0, HEIGHT_PX])
    return frame, np.concatenate([upper, lower]).astype(np.float32)


@pytest.mark.parametrize("depth_px", [-40, 40])
def test_bent_plate_comes_out_as_the_flat_one_does(depth_px: float) -> None:
    flat = rectify(*bent(0), 192, 64).ravel()
    frame, points = bent(depth_px)
    straightened, sagging = (rectify(frame, one, 192, 64).ravel() for one in (points, corners_of(points)))
    assert np.corrcoef(straightened, flat)[0, 1] > 0.9
    assert np.corrcoef(sagging, flat)[0, 1] < 0.5


def test_six_points_of_a_flat_plate_are_its_four_corners() -> None:
    frame, points = bent(0)
    assert np.array_equal(rectify(frame, points, 192, 64), rectify(frame, corners_of(points), 192, 64))
    assert corners_of(corners_of(points)).tolist() == points[[0, 2, 3, 5]].tolist()


def test_homography_brings_each_corner_to_its_target() -> None:
    edges = upright(192, 64)
    assert np.allclose(mapped(edges, perspective(edges, SLANTED)), SLANTED, atol=1e-3)


@pytest.mark.parametrize("offset", [-60, 120, 400])
def test_corners_outside_the_picture_are_no_error(offset: int) -> None:
    frame = np.full((120, 220), 100, dtype=np.uint8)
    assert rectify(frame, SLANTED + np.float32(offset), 192, 64).shape == (64, 192)


def test_contrast_is_stretched_to_black_and_white() -> None:
    dim = np.tile(np.linspace(90, 120, 192).astype(np.uint8), (64, 1))
    out = stretch(dim)
    assert (out.min(), out.max()) == (0, 255)


@pytest.mark.parametrize("box", [(10, 10, 600, 300), (-50, -50, 20, 20), (630, 350, 900, 600), (5, 5, 6, 6)])
def test_crop_is_a_picture_of_bounded_size(box: tuple[float, float, float, float]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (360, 640), dtype=np.uint8)
    crop = crop_jpeg(noise, box)
    assert crop.startswith(b"\xff\xd8")
    assert len(crop) <= 6000
