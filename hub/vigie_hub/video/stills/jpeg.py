"""Whether bytes from an agent are a picture that browsers may be given: a small baseline JPEG, and nothing else.

ITU-T T.81, annex B. What agents send has one frame and one scan; anything that could carry more (comments, metadata,
further frames, bytes after the end) is refused.
"""

import re
from typing import Final

from vigie_shared.errors import WireError
from vigie_shared.stills import STILL_BYTES_MAX, STILL_HEIGHT_MAX_PX, STILL_WIDTH_MAX_PX

_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"
_SOF0, _SOS = 0xC0, 0xDA
_TABLES: Final = frozenset({0xC4, 0xDB, 0xDD, 0xE0})
"""Huffman tables, quantization tables, restart interval, JFIF's own segment."""
_MARKER_IN_SCAN: Final = re.compile(rb"\xff(?![\x00\xd0-\xd7])")
_FRAME_BYTES: Final = 8


def check_jpeg(data: bytes) -> tuple[int, int]:
    """Width and height in pixels; raises WireError."""
    if len(data) > STILL_BYTES_MAX or not data.startswith(_BEGIN) or not data.endswith(_END):
        raise WireError("no JPEG")
    size: tuple[int, int] | None = None
    at = len(_BEGIN)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body, at = data[at + 4 : at + 2 + length], at + 2 + length
        if marker == _SOS and size is not None:
            if length < 3 or at > len(data) - len(_END) or _MARKER_IN_SCAN.search(data, at, len(data) - len(_END)):
                break
            return size
        if marker == _SOF0 and size is None:
            size = _size(body)
        elif marker not in _TABLES or length < 3:
            break
    raise WireError("no JPEG that is shown here")


def _size(frame: bytes) -> tuple[int, int]:
    if len(frame) < _FRAME_BYTES:
        raise WireError("no JPEG frame")
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    if frame[0] != 8 or not 0 < width <= STILL_WIDTH_MAX_PX or not 0 < height <= STILL_HEIGHT_MAX_PX:
        raise WireError("a picture of another size than agents send")
    return width, height
