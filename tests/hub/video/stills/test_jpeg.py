"""Only small baseline JPEGs get through the hub, and nothing rides along."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vigie_hub.video.stills.jpeg import check_jpeg
from vigie_shared.errors import WireError


def jpeg(width_px: int = 320, height_px: int = 180, **options: object) -> bytes:
    file = io.BytesIO()
    image = Image.effect_mandelbrot((width_px, height_px), (-2, -1.5, 1, 1.5), 20).convert("RGB")
    image.save(file, "JPEG", **{"quality": 40, "optimize": True, **options})
    return file.getvalue()


PICTURE = jpeg()
COMMENT = b"\xff\xfe\x00\x06evil"


@pytest.mark.parametrize("size", [(320, 180), (640, 360), (360, 640), (1, 1)], ids=str)
def test_what_agents_send_is_a_picture_of_its_size(size: tuple[int, int]) -> None:
    assert check_jpeg(jpeg(*size)) == size
    assert check_jpeg(jpeg(*size, optimize=False)) == size


def test_a_grey_picture_is_one_too() -> None:
    file = io.BytesIO()
    Image.new("L", (64, 48), 90).save(file, "JPEG")
    assert check_jpeg(file.getvalue()) == (64, 48)


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\n", b"<svg onload=alert(1)>", b"\xff\xd8" * 100),
        PICTURE[:-2],
        PICTURE[2:],
        PICTURE + b"<script>",
        PICTURE + PICTURE,
        PICTURE[:2] + COMMENT + PICTURE[2:],
        PICTURE[:-2] + COMMENT + b"\xff\xd9",
        jpeg(641, 10),
        jpeg(10, 641),
        jpeg(progressive=True),
        jpeg(640, 640, quality=100, subsampling=0),
        jpeg(exif=Image.Exif().tobytes() + bytes(50)),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_anything_else_is_not_shown(data: bytes) -> None:
    with pytest.raises(WireError):
        check_jpeg(data)


@given(st.integers(0, len(PICTURE) - 1), st.integers(0, 255))
def test_no_damage_breaks_the_reader_or_changes_the_bounds(at: int, value: int) -> None:
    damaged = PICTURE[:at] + bytes([value]) + PICTURE[at + 1 :]
    try:
        width, height = check_jpeg(damaged)
    except WireError:
        return
    assert 0 < width <= 640
    assert 0 < height <= 640


@given(st.integers(2, len(PICTURE)))
def test_a_picture_that_was_cut_is_none(length: int) -> None:
    if length < len(PICTURE):
        with pytest.raises(WireError):
            check_jpeg(PICTURE[:length])
