"""Decoded pictures as JPEG of so many bytes at most: the size and quality that fitted the last one are tried first."""

import io
from dataclasses import replace
from typing import Final

from av.video.frame import VideoFrame
from PIL import Image

from vigie_agent.video.ladder.transcoder import STILLS, Target, fitted, shrunk
from vigie_shared.stills import STILL_HEIGHT_MAX_PX, STILL_WIDTH_MAX_PX

ROOM_SHARE: Final = 0.6
"""A picture that takes no more of what it may is made better next time."""
_STEPS: Final = (
    *((STILL_WIDTH_MAX_PX, quality) for quality in (70, 55, 42)),
    *((480, quality) for quality in (52, 42)),
    *((320, quality) for quality in (55, 42, 32)),
    *((240, quality) for quality in (38, 28)),
    *((160, quality) for quality in (40, 28, 18)),
)
"""Widths and qualities, the best first; each takes about three quarters of the one before."""


class JpegFitter:
    """One camera's pictures. Blocks: for one thread at a time."""

    def __init__(self) -> None:
        self._step = 0

    def encode(self, picture: VideoFrame, bytes_max: int) -> bytes:
        """At most `bytes_max`, or the smallest there is."""
        while True:
            width_px, quality = _STEPS[self._step]
            jpeg = _encoded(picture, width_px, quality)
            if len(jpeg) <= bytes_max or self._step == len(_STEPS) - 1:
                break
            self._step += 1
        if len(jpeg) <= ROOM_SHARE * bytes_max:
            self._step = max(0, self._step - 1)
        return jpeg


def _target(width_px: int) -> Target:
    return replace(STILLS, width_max_px=width_px, height_max_px=min(width_px, STILL_HEIGHT_MAX_PX))


def _encoded(picture: VideoFrame, width_px: int, quality: int) -> bytes:
    size_px = fitted(picture.width, picture.height, _target(width_px))
    small = shrunk(picture, size_px, STILLS.label)
    file = io.BytesIO()
    image: Image.Image = small.to_image()  # type: ignore[no-untyped-call]
    image.save(file, "JPEG", quality=quality, optimize=True)
    return file.getvalue()
