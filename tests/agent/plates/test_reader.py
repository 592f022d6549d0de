"""The beam never leaves the grammar, and the shipped reader reads drawn plates of every kind."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vigie_agent.plates.reader import Reader, decode
from vigie_agent.synthetic.plates import draw_plate
from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, parse

ALPHABET = "0123456789أبدهوطيجشW"
BLANK = len(ALPHABET)


def steps(*chances: dict[str, float]) -> NDArray[np.float32]:
    """One step per dict; what is left goes to the blank."""
    table = np.zeros((len(chances), BLANK + 1), dtype=np.float32)
    for row, chance in zip(table, chances, strict=True):
        for char, value in chance.items():
            row[ALPHABET.index(char)] = value
        row[BLANK] = 1 - row[:BLANK].sum()
    return table


def test_clean_steps_give_the_plate_and_its_confidence() -> None:
    reading = decode(steps({"4": 1.0}, {}, {"ب": 1.0}, {"7": 1.0}, {"7": 1.0}, {}, {"2": 1.0}), ALPHABET)
    assert reading is not None
    assert reading.text == "4|ب|72"
    assert reading.confidence == pytest.approx(1.0)
    assert reading.char_confidences == (1.0, 1.0, 1.0, 1.0)


def test_doubled_digit_needs_a_blank_between() -> None:
    once = decode(steps({"4": 1.0}, {"4": 1.0}, {"ب": 1.0}, {"7": 1.0}), ALPHABET)
    twice = decode(steps({"4": 1.0}, {}, {"4": 1.0}, {"ب": 1.0}, {"7": 1.0}), ALPHABET)
    assert once is not None
    assert twice is not None
    assert (once.text, twice.text) == ("4|ب|7", "44|ب|7")


def test_grammar_decides_where_the_likeliest_characters_spell_no_plate() -> None:
    reading = decode(steps({"4": 1.0}, {"9": 0.6, "ه": 0.4}, {"9": 0.7, "8": 0.3}, {"3": 1.0}), ALPHABET)
    assert reading is not None
    assert reading.text == "4|ه|83"


def test_alternatives_are_other_plates_with_their_chances() -> None:
    reading = decode(steps({"8": 0.7, "3": 0.3}, {"د": 1.0}, {"6": 1.0}), ALPHABET)
    assert reading is not None
    assert reading.text == "8|د|6"
    assert reading.confidence == pytest.approx(0.7)
    assert dict(reading.alternatives) == pytest.approx({"3|د|6": 0.3})


@pytest.mark.parametrize("picture", [(), ({"9": 1.0},), ({"أ": 1.0}, {"7": 1.0})])
def test_what_spells_no_plate_is_no_reading(picture: tuple[dict[str, float], ...]) -> None:
    assert decode(steps(*picture, {}), ALPHABET) is None


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
