"""The small grey picture of a plate that travels with its read."""

import io

import numpy as np
from PIL import Image

from vigie_agent.plates.detector import Box
from vigie_agent.plates.rectify import Luma

CROP_BYTES_MAX = 6_000
_WIDTH_MAX_PX = 320
_QUALITIES = (80, 65, 50, 35, 20)


def crop_jpeg(luma: Luma, box: Box, bytes_max: int = CROP_BYTES_MAX) -> bytes:
    """`box` and a little around it as JPEG of at most `bytes_max`, made smaller until it fits; always a picture."""
    picture = _cut(luma, box)
    picture.thumbnail((_WIDTH_MAX_PX, _WIDTH_MAX_PX))
    while True:
        for quality in _QUALITIES:
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=quality)
            if file.tell() <= bytes_max or picture.width <= 16:
                return file.getvalue()
        picture = picture.reduce(2)


def _cut(luma: Luma, box: Box) -> Image.Image:
    height, width = luma.shape
    margin_x, margin_y = 0.08 * (box[2] - box[0]), 0.25 * (box[3] - box[1])
    left, top = max(0, int(box[0] - margin_x)), max(0, int(box[1] - margin_y))
    right, bottom = min(width, int(box[2] + margin_x) + 1), min(height, int(box[3] + margin_y) + 1)
    part = luma[top : max(bottom, top + 1), left : max(right, left + 1)]
    return Image.fromarray(np.ascontiguousarray(part))
