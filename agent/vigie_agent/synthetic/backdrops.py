"""What stands still behind the actors, drawn once, and the road that moves under a patrol car."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from vigie_agent.synthetic.stage import Camera

STREET_PERIOD_M = 24
"""After so many metres the street looks the same again."""

_DASH_M, _DASH_EVERY_M = 2.0, 6.0


def road(camera: Camera, rng: np.random.Generator) -> Image.Image:
    """A two-lane road that fills the view, with kerbs and a dashed middle line."""
    image = _asphalt(camera, rng)
    pen = ImageDraw.Draw(image)
    for side in (-1, 1):
        near, far = camera.ground(side * 2.3, 2.5), camera.ground(side * 2.3, 90)
        edge = -200 if side < 0 else camera.width_px + 200
        pen.polygon([near, far, (edge, far[1]), (edge, near[1])], fill=(128, 124, 112))
        pen.line([near, far], fill=(206, 204, 196), width=5)
    for start in np.arange(3.0, 90.0, _DASH_EVERY_M):
        pen.polygon(_dash(camera, float(start)), fill=(212, 212, 204))
    return image


def forecourt(camera: Camera, rng: np.random.Generator) -> Image.Image:
    """A wall with a sliding gate, and the ground before it."""
    image = _asphalt(camera, rng)
    pen = ImageDraw.Draw(image)
    foot = camera.ground(0, 14)[1]
    pen.rectangle((0, 0, camera.width_px, foot), fill=(168, 158, 140))
    for row in range(0, int(foot), 22):
        pen.line((0, row, camera.width_px, row), fill=(150, 141, 124))
    left, right = camera.width_px * 0.3, camera.width_px * 0.7
    pen.rectangle((left, foot * 0.25, right, foot), fill=(74, 84, 92))
    for x in range(int(left) + 10, int(right), 16):
        pen.line((x, foot * 0.27, x, foot - 3), fill=(104, 116, 124), width=4)
    return image


def street(
    camera: Camera, rng: np.random.Generator, travelled: Callable[[float], float]
) -> Callable[[float], Image.Image]:
    """A street seen from a car that has `travelled` so many metres: ground and dashes come nearer."""
    still = _sky_and_houses(camera, rng)
    top = max(0, int(camera.horizon_px) + 2)
    rows = np.arange(top, camera.height_px)
    depth = camera.focal_px * camera.height_m / (rows - camera.horizon_px)
    grain = rng.normal(0, 5, 4 * STREET_PERIOD_M)
    tone = 92 + np.minimum(30, depth * 0.5)

    def frame(at_seconds: float) -> Image.Image:
        gone = round(travelled(at_seconds), 6) % STREET_PERIOD_M
        shade = tone + grain[((depth + gone) * 4).astype(int) % len(grain)] * np.minimum(1, 12 / depth)
        image = still.copy()
        image.paste(_rows(shade, camera.width_px), (0, top))
        pen = ImageDraw.Draw(image)
        phase = _DASH_EVERY_M - gone % _DASH_EVERY_M
        for start in phase + np.arange(0.0, 60.0, _DASH_EVERY_M):
            pen.polygon(_dash(camera, float(start) + 1.5, x_m=-0.9), fill=(206, 206, 198))
        return image

    return frame


def _rows(shade: NDArray[np.float64], width_px: int) -> Image.Image:
    column = np.repeat(shade.clip(0, 255).astype(np.uint8)[:, None], width_px, axis=1)
    return Image.fromarray(column).convert("RGB")


def _dash(camera: Camera, start_m: float, x_m: float = 0.0) -> list[tuple[float, float]]:
    end = start_m + _DASH_M
    return [
        camera.ground(x_m - 0.06, start_m),
        camera.ground(x_m + 0.06, start_m),
        camera.ground(x_m + 0.06, end),
        camera.ground(x_m - 0.06, end),
    ]


def _asphalt(camera: Camera, rng: np.random.Generator) -> Image.Image:
    coarse = rng.normal(104, 9, (camera.height_px // 4, camera.width_px // 4)).clip(0, 255).astype(np.uint8)
    grey = Image.fromarray(coarse).resize((camera.width_px, camera.height_px)).filter(ImageFilter.GaussianBlur(2))
    return grey.convert("RGB")


def _sky_and_houses(camera: Camera, rng: np.random.Generator) -> Image.Image:
    image = Image.new("RGB", (camera.width_px, camera.height_px), (176, 196, 212))
    pen = ImageDraw.Draw(image)
    foot = camera.horizon_px + 6
    x = 0
    while x < camera.width_px:
        width, height = int(rng.integers(60, 150)), int(rng.integers(40, 130))
        tone = int(rng.integers(130, 205))
        pen.rectangle((x, foot - height, x + width, foot), fill=(tone, tone - 8, tone - 22))
        for left in range(x + 10, x + width - 16, 26):
            for upper in range(int(foot - height) + 10, int(foot) - 18, 30):
                pen.rectangle((left, upper, left + 12, upper + 16), fill=(70, 80, 90))
        x += width
    return image
