"""A short line on a picture: which rung of the ladder it is."""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from PIL import Image, ImageDraw, ImageFont

_MARGIN_PX: Final = 4
_SIZE_PX: Final = 14
_DARK, _BRIGHT = 24, 235


def burn(frame: VideoFrame, text: str) -> None:
    """Write `text` into the lower left corner of a yuv420p picture that nobody else holds."""
    label = _drawn(text)
    plane = frame.planes[0]
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)  # type: ignore[call-overload]
    height, width = label.shape
    if frame.height < height + 2 * _MARGIN_PX or frame.width < width + 2 * _MARGIN_PX:
        return
    bottom = frame.height - _MARGIN_PX
    part = rows[bottom - height : bottom, _MARGIN_PX : _MARGIN_PX + width]
    part[...] = label
    for chroma in frame.planes[1:3]:  # grey, whatever is behind it
        half = np.frombuffer(chroma, np.uint8).reshape(-1, chroma.line_size)  # type: ignore[call-overload]
        half[(bottom - height) // 2 : bottom // 2, _MARGIN_PX // 2 : (_MARGIN_PX + width) // 2] = 128


@lru_cache(maxsize=16)
def _drawn(text: str) -> npt.NDArray[np.uint8]:
    font = ImageFont.load_default(_SIZE_PX)
    left, top, right, bottom = font.getbbox(text)
    width, height = (int(right - left) + 9) & ~1, (int(bottom - top) + 9) & ~1
    picture = Image.new("L", (width, height), _DARK)
    ImageDraw.Draw(picture).text((4 - left, 4 - top), text, fill=_BRIGHT, font=font)
    return np.asarray(picture)
