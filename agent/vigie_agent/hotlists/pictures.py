"""The picture that goes with a hit: the plate, WebP where it can be, as good as fits."""

import io
from typing import Final

from PIL import Image, UnidentifiedImageError, features

from vigie_shared.events import PICTURE_BYTES_MAX

QUALITIES: Final = (70, 50, 35, 20)
WIDTH_MIN_PX: Final = 24


def small_picture(jpeg: bytes, bytes_max: int = PICTURE_BYTES_MAX) -> bytes:
    """`jpeg` in at most `bytes_max`, the kind that takes fewer bytes; empty where it is no picture or cannot fit."""
    try:
        with Image.open(io.BytesIO(jpeg)) as opened:
            picture = opened.convert("L")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return b""
    kind = "WEBP" if features.check("webp") else "JPEG"
    while picture.width >= WIDTH_MIN_PX:
        for quality in QUALITIES:
            file = io.BytesIO()
            picture.save(file, kind, quality=quality)
            if file.tell() <= bytes_max:
                return jpeg if len(jpeg) <= file.tell() else file.getvalue()
        picture = picture.reduce(2)
    return b""
