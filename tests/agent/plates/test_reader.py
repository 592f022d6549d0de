"""The shipped reader reads drawn plates of every kind, wherever in a box or beside rough corners they lie."""

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.agent.plates.test_aligner import BOX, box_around, shot, turned
from vigie_agent.plates.aligner import LAYOUTS, Aligned
from vigie_agent.plates.reader import Kinds, Reader, chances, halves
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


def test_halves_of_a_bent_plate_are_bent() -> None:
    points = np.array([[0, 0], [5, 3], [10, 0], [10, 8], [5, 11], [0, 8]], dtype=np.float32)
    above, below = halves(points)
    assert above.tolist() == [[0, 0], [5, 3], [10, 0], [10, 4], [5, 7], [0, 4]]
    assert below.tolist() == [[0, 4], [5, 7], [10, 4], [10, 8], [5, 11], [0, 8]]


@pytest.mark.parametrize("degrees", [-15.0, -7.0, 0.0, 8.0, 15.0])
def test_plate_on_a_slope_is_read_in_its_box(degrees: float) -> None:
    corners = turned(BOX, degrees)
    reading = Reader().read(shot(corners), box_around(corners))
    assert reading is not None
    assert reading.text == "70123|ب|72"


def aligned(**layouts: float) -> Aligned:
    return Aligned(BOX, {layout: layouts.get(layout, 0.0) for layout in LAYOUTS})


def test_what_is_no_plate_by_its_looks_is_not_read() -> None:
    reader = Reader()
    assert reader.read_aligned(shot(BOX), aligned(none=0.99, civil=0.01)) is None
    assert reader.lines_read == 0
    assert reader.read_aligned(shot(BOX), aligned(none=0.1, civil=0.9)) is not None


@pytest.mark.parametrize(("two_lines", "lines"), [(0.0, 1), (1.0, 2), (0.5, 3)])
def test_only_lines_that_may_be_there_are_read(two_lines: float, lines: int) -> None:
    reader = Reader()
    reader.read_aligned(shot(BOX), aligned(**{"civil": 1 - two_lines, "two-line": two_lines}))
    assert reader.lines_read == lines


def test_kinds_are_as_likely_as_the_layouts_they_have() -> None:
    kinds: Kinds = {"civil": ("civil",), "state": ("state", "police", "forces")}
    told = chances(aligned(civil=0.75, state=0.25).layouts, kinds, ("civil", "state", "police"))
    assert told == {"civil": 0.75, "state": 0.25, "police": 0.25}


def test_lines_that_no_plate_here_has_are_not_read() -> None:
    reader = Reader(kinds=("european",))
    reader.read_aligned(shot(BOX), aligned(**{"foreign": 0.2, "two-line": 0.8}))
    assert reader.lines_read == 1
