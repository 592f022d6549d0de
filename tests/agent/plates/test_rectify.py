"""A plate at a slant comes out upright; a crop always fits."""

import numpy as np
import pytest
from PIL import Image

from vigie_agent.plates.crop import crop_jpeg
from vigie_agent.plates.rectify import perspective, rectify, stretch, upright
from vigie_agent.synthetic.plates import HEIGHT_PX, WIDTH_PX, draw_plate
from vigie_shared.plates import parse

SLANTED = np.array([[40, 30], [180, 44], [176, 80], [36, 64]], dtype=np.float32)


def test_slanted_plate_comes_out_as_the_flat_one_does() -> None:
    plate = parse("12345|أ|6")
    assert plate is not None
    flat = np.array([[0, 0], [WIDTH_PX, 0], [WIDTH_PX, HEIGHT_PX], [0, HEIGHT_PX]], dtype=np.float32)
    small = draw_plate(plate).resize((250, 55))
    coefficients = perspective(SLANTED, flat * np.array([250 / WIDTH_PX, 55 / HEIGHT_PX], dtype=np.float32))
    frame = small.transform((220, 120), Image.Transform.PERSPECTIVE, coefficients, Image.Resampling.BILINEAR)
    straightened = rectify(np.asarray(frame), SLANTED, 192, 64).astype(float)
    inside = upright(192, 64).astype(int)
    (left, top), (right, bottom) = inside[0], inside[2]
    ideal = np.asarray(draw_plate(plate).resize((right - left, bottom - top))).astype(float)
    part = straightened[top:bottom, left:right]
    assert np.corrcoef(part.ravel(), ideal.ravel())[0, 1] > 0.8


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
