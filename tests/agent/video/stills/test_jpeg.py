"""A picture becomes a JPEG of no more bytes than it may have: smaller, then coarser, and better again."""

import io

import av
import numpy as np
from PIL import Image

from tests.media.films import noisy, street
from vigie_agent.video.stills.jpeg import JpegFitter


def picture(width_px: int = 1280, height_px: int = 720, noise: float = 3.0) -> av.VideoFrame:
    drawn = noisy(street(width_px=width_px, height_px=height_px), noise, 1)
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="gray").reformat(format="yuv420p")


def opened(jpeg: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(jpeg))
    image.load()
    assert image.format == "JPEG"
    return image


def test_a_picture_fits_whatever_it_may_take() -> None:
    shown = picture()
    widths = []
    for bytes_max in (20_000, 12_000, 6_000, 3_000):
        jpeg = JpegFitter().encode(shown, bytes_max)
        assert len(jpeg) <= bytes_max
        widths.append(opened(jpeg).width)
    assert widths == sorted(widths, reverse=True)
    assert widths[0] == 640 > widths[-1]


def test_what_cannot_be_made_so_small_is_the_smallest_there_is() -> None:
    jpeg = JpegFitter().encode(picture(noise=60.0), 100)
    assert opened(jpeg).size == (160, 90)


def test_pictures_get_better_again_once_they_may() -> None:
    fitter, shown = JpegFitter(), picture()
    small = fitter.encode(shown, 3_000)
    grown = [fitter.encode(shown, 20_000) for _number in range(12)]
    assert opened(small).width < 480 <= opened(grown[-1]).width
    assert all(len(jpeg) <= 20_000 for jpeg in grown)


def test_a_small_picture_stays_as_large_as_it_is_and_the_decoder_s_own_is_left_alone() -> None:
    shown = picture(320, 176)
    before = shown.to_ndarray()
    image = opened(JpegFitter().encode(shown, 20_000))
    assert image.size == (320, 176)
    assert np.array_equal(shown.to_ndarray(), before), "the label is written on a copy"
    corner = np.asarray(image.convert("L"))[150:174, 4:40]
    assert corner.max() > 200 > 60 > corner.min(), "and says what this is"


def test_a_tall_picture_stays_within_the_bounds() -> None:
    assert opened(JpegFitter().encode(picture(480, 960), 20_000)).size == (320, 640)
