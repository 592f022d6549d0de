import io

import pytest
from PIL import Image

from tests.agent.hotlists.house import crop
from vigie_agent.hotlists.pictures import small_picture


@pytest.mark.parametrize(("width", "noise"), [(60, 5), (120, 40), (320, 60), (1600, 90)])
def test_every_plate_fits_and_can_still_be_seen(width: int, noise: int) -> None:
    made = small_picture(crop(width, noise))
    assert 0 < len(made) <= 6144
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.format in ("WEBP", "JPEG")
        assert picture.width >= min(width, 60)


def test_a_picture_that_is_smaller_as_it_is_stays_as_it_is() -> None:
    made = small_picture(crop(60, 5))
    assert len(made) <= len(crop(60, 5))


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_none(data: bytes) -> None:
    assert small_picture(data) == b""
