"""What a camera does to a clean picture: blur, noise, light, compression."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Luma = NDArray[np.uint8]


def degrade(image: Image.Image, rng: np.random.Generator) -> Luma:
    """`image` (grey) as a cheap camera and its encoder would hand it over."""
    if rng.random() < 0.6:
        image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1.1))))
    picture = np.asarray(image, dtype=np.float32)
    if rng.random() < 0.35:
        picture = motion_blur(picture, int(rng.integers(2, 5)), vertical=bool(rng.random() < 0.4))
    picture = relight(picture, rng)
    picture += rng.normal(0.0, float(rng.uniform(0.5, 6.0)), picture.shape).astype(np.float32)
    luma = picture.clip(0, 255).astype(np.uint8)
    return compress(luma, rng) if rng.random() < 0.85 else luma


def motion_blur(picture: NDArray[np.float32], length_px: int, *, vertical: bool) -> NDArray[np.float32]:
    """The mean of `length_px` copies, each shifted by one more pixel."""
    axis = 0 if vertical else 1
    return np.mean([np.roll(picture, shift, axis) for shift in range(length_px)], axis=0, dtype=np.float32)


def relight(picture: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Another exposure, and light falling off from one side."""
    height, width = picture.shape
    gain = float(rng.uniform(0.45, 1.1))
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None, :] * float(rng.normal(0, 0.12))
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None] * float(rng.normal(0, 0.12))
    return picture * (gain + across + down) + float(rng.uniform(-15, 30))


def compress(luma: Luma, rng: np.random.Generator) -> Luma:
    """Block transform at a low rate: on one frame JPEG and H.264 lose the same things."""
    file = io.BytesIO()
    Image.fromarray(luma).save(file, "JPEG", quality=int(rng.integers(22, 85)))
    return np.asarray(Image.open(file))
