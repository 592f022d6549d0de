"""A line on a picture, where it has room for one."""

import numpy as np
import pytest
from av.video.frame import VideoFrame

from vigie_agent.video.ladder.label import burn


def grey(width: int, height: int) -> VideoFrame:
    frame = VideoFrame(width, height, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([120]) * plane.buffer_size)
    return frame


@pytest.mark.parametrize("width", [640, 638, 202])
def test_it_is_bright_on_dark_in_the_corner_and_nowhere_else(width: int) -> None:
    frame = grey(width, 360)
    burn(frame, "LOW")
    luma = frame.to_ndarray(format="gray")
    corner = luma[-30:, :60]
    assert corner.max() > 200
    assert corner.min() < 40
    assert (luma[:320] == luma[0, 0]).all()
    assert (luma[:, 100:] == luma[0, 0]).all()


def test_a_picture_too_small_for_it_stays_as_it_was() -> None:
    frame = grey(16, 16)
    burn(frame, "LOW")
    assert len(np.unique(frame.to_ndarray(format="gray"))) == 1
