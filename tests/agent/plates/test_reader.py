"""The shipped reader reads drawn plates of every kind, and doubts the corners that it is given."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vigie_agent.plates.reader import Reader, grown, halves, is_upright, sloped
from vigie_agent.synthetic.plates import draw_plate
from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, parse


def full_corners(width: int, height: int, margin: int) -> NDArray[np.float32]:
    right, bottom = margin + width, margin + height
    return np.array([[margin, margin], [right, margin], [right, bottom], [margin, bottom]], dtype=np.float32)


@pytest.mark.parametrize("letter", CIVIL_LETTERS + SERVICE_LETTERS)
def test_shipped_reader_reads_every_letter(letter: str) -> None:
    assert read_drawn(f"70{ord(letter) % 1000}|{letter}|{1 + ord(letter) % 89}")


@pytest.mark.parametrize("text", ["1|أ|1", "88888|ب|88", "11|د|11", "90210|ه|40", "552679|WW", "10000|WW"])
def test_shipped_reader_reads_every_length(text: str) -> None:
    assert read_drawn(text)


def read_drawn(text: str) -> bool:
    plate = parse(text)
    assert plate is not None
    drawn = draw_plate(plate).resize((140, 31))
    frame = np.full((71, 180), 60, dtype=np.uint8)
    frame[20:51, 20:160] = np.asarray(drawn)
    reading = Reader().read(frame, full_corners(140, 31, 20))
    return reading is not None and reading.plate == plate


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_picture_is_no_reading(level: int) -> None:
    assert Reader().read(np.full((71, 180), level, dtype=np.uint8), full_corners(140, 31, 20)) is None


def test_halves_meet_in_the_middle() -> None:
    corners = np.array([[0, 0], [10, 2], [12, 12], [2, 10]], dtype=np.float32)
    above, below = halves(corners)
    assert above.tolist() == [[0, 0], [10, 2], [11, 7], [1, 5]]
    assert below.tolist() == [[1, 5], [11, 7], [12, 12], [2, 10]]


def test_only_boxes_that_nobody_straightened_are_upright() -> None:
    box = np.array([[3, 4], [43, 4], [43, 16], [3, 16]], dtype=np.float32)
    assert is_upright(box)
    assert not is_upright(box + np.array([[0, 0], [0, 1], [0, 1], [0, 0]], dtype=np.float32))


def test_plate_on_a_slope_reaches_from_corner_to_corner_of_its_box() -> None:
    box = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], dtype=np.float32)
    assert sloped(box, 0.25).tolist() == [[0, 5], [100, 0], [100, 15], [0, 20]]
    assert sloped(box, -0.25).tolist() == [[0, 0], [100, 5], [100, 20], [0, 15]]


def test_grown_corners_lie_farther_out_along_the_plate_than_across_it() -> None:
    box = np.array([[0, 0], [100, 0], [100, 20], [0, 20]], dtype=np.float32)
    assert np.allclose(grown(box, 1.2), [[-10, -1], [110, -1], [110, 21], [-10, 21]])
