"""The beam never leaves the grammars, and tells what else a plate may be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vigie_agent.plates.decoding import decode, decode_lines
from vigie_shared.plates import ALL_KINDS

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


WORDS = (*"0123456789أبش", "المغرب", *"ABMW-")


def tokens_at(*chances: dict[str, float]) -> NDArray[np.float32]:
    """One step per dict over `WORDS`; what is left goes to the blank."""
    table = np.zeros((len(chances), len(WORDS) + 1), dtype=np.float32)
    for row, chance in zip(table, chances, strict=True):
        for token, value in chance.items():
            row[WORDS.index(token)] = value
        row[-1] = 1 - row[:-1].sum()
    return table


def spelled(*tokens: str) -> NDArray[np.float32]:
    return tokens_at(*(step for token in tokens for step in ({token: 0.9}, {})))


def test_a_word_is_one_token() -> None:
    reading = decode(spelled(*"200047", "المغرب"), WORDS)
    assert reading is not None
    assert (reading.text, reading.plate.kind, len(reading.char_confidences)) == ("200047|المغرب|", "state", 7)


@pytest.mark.parametrize(
    ("above", "below", "text"), [("أ11", "31838", "31838|أ|11"), ("8", "013353", "013353||8"), ("ب1", "1", "1|ب|1")]
)
def test_two_lines_are_one_plate(above: str, below: str, text: str) -> None:
    reading = decode_lines([spelled(*above), spelled(*below)], WORDS)
    assert reading is not None
    assert reading.text == text
    assert len(reading.char_confidences) == len(above) + len(below)
    assert reading.confidence == pytest.approx(0.9 ** (len(above) + len(below)), rel=0.02)


def test_lines_of_no_plate_are_no_reading() -> None:
    assert decode_lines([spelled(*"31838"), spelled("أ")], WORDS) is None


def test_foreign_plates_are_read_only_where_they_may_pass() -> None:
    steps = spelled(*"AB123AB")
    assert decode(steps, WORDS) is None
    foreign = decode(steps, WORDS, ["european"])
    assert foreign is not None
    assert foreign.text == "AB123AB"


def test_foreign_plate_needs_more_evidence_than_a_moroccan_one() -> None:
    def read(chance: float) -> str:
        last = tokens_at({"6": 1 - chance, "W": chance})
        reading = decode(
            np.concatenate([spelled(*"1234"), tokens_at({"أ": 1 - chance, "A": chance}), last]), WORDS, ALL_KINDS
        )
        assert reading is not None
        return reading.text

    assert read(0.7) == "1234|أ|6"
    assert read(0.98) == "1234AW"


def test_both_letters_of_a_plate_count_together() -> None:
    reading = decode(tokens_at({"7": 1.0}, {"أ": 0.5, "A": 0.5}, {"6": 1.0}), WORDS)
    assert reading is not None
    assert (reading.text, reading.alternatives) == ("7|أ|6", ())
    assert reading.confidence == pytest.approx(1.0)
