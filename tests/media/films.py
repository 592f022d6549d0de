"""Tiny films: a textured street with sensor noise, through which a figure walks when told to."""

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

Luma = npt.NDArray[np.uint8]
Draw = Callable[[float], Luma]
"""The picture at a time in seconds."""

WIDTH_PX = 320
HEIGHT_PX = 192
FRAMES_PER_SECOND = 10


def street(seed: int = 1, width_px: int = WIDTH_PX, height_px: int = HEIGHT_PX) -> npt.NDArray[np.float32]:
    """A still scene of walls and windows, brightness 60 to 180."""
    chance = np.random.default_rng(seed)
    blocks = chance.uniform(60, 180, (height_px // 16, width_px // 16)).astype(np.float32)
    return np.kron(blocks, np.ones((16, 16), np.float32))


def with_figure(
    scene: npt.NDArray[np.float32], left: float, height_share: float, contrast: float = 70.0
) -> npt.NDArray[np.float32]:
    """`scene` with an upright figure whose left edge is at the share `left` of the width."""
    height_px, width_px = scene.shape
    tall = max(2, round(height_px * height_share))
    wide = max(1, round(tall * 0.4))
    x, y = round(left * width_px), round(height_px * 0.6)
    picture = scene.copy()
    part = picture[y : y + tall, max(0, x) : max(0, x + wide)]
    part[...] = np.where(part > 120, part - contrast, part + contrast)
    return picture


def walk(first_seconds: float, last_seconds: float, *, height_share: float = 0.3, sigma: float = 2.0) -> Draw:
    """A quiet street, through which a figure walks between the two times."""
    scene = street()

    def draw(at_seconds: float) -> Luma:
        picture = scene
        if first_seconds <= at_seconds <= last_seconds:
            left = 0.1 + 0.7 * (at_seconds - first_seconds) / (last_seconds - first_seconds)
            picture = with_figure(scene, left, height_share)
        return noisy(picture, sigma, round(at_seconds * 1000))

    return draw


def noisy(picture: npt.NDArray[np.float32], sigma: float, seed: int) -> Luma:
    """`picture` as a sensor sees it; the same seed gives the same noise."""
    noise = np.roll(_noise(picture.shape), seed * 7919, axis=(0, 1))
    return np.clip(picture + np.float32(sigma) * noise, 0, 255).astype(np.uint8)


@cache
def _noise(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return np.random.default_rng(7).standard_normal(shape, np.float32)


def make_film(
    path: Path,
    draw: Draw,
    *,
    seconds: float,
    gop_seconds: float = 1.0,
    codec: str = "libx264",
    frames_per_second: int = FRAMES_PER_SECOND,
    b_frames: int = 0,
    kbps: int | None = None,
) -> Path:
    """Encode `draw` as cameras do: regular keyframes, by default no B-frames; at a constant `kbps` where given."""
    gop = max(1, round(gop_seconds * frames_per_second))
    with av.open(str(path), "w") as container:
        options = {
            "libx264": {"preset": "ultrafast", "g": str(gop), "bf": str(b_frames), "sc_threshold": "0"},
            "libx265": {"x265-params": f"keyint={gop}:min-keyint={gop}:open-gop=0:bframes={b_frames}:log-level=none"},
        }.get(codec)
        if kbps is not None and options is not None:
            options |= {"b": f"{kbps}k", "maxrate": f"{kbps}k", "bufsize": f"{kbps}k", "nal-hrd": "cbr"}
        stream = container.add_stream(codec, rate=frames_per_second, options=options)
        assert isinstance(stream, av.VideoStream)
        height, width = draw(0.0).shape
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(round(seconds * frames_per_second)):
            frame = av.VideoFrame.from_ndarray(draw(number / frames_per_second), format="gray")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, frames_per_second)
            frame.pict_type = PictureType.I if number % gop == 0 else PictureType.NONE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
