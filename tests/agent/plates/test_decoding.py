"""The beam never leaves the grammars, and tells what else a plate may be."""

import numpy as np
import pytest
from numpy.typing import NDArray

from vigie_agent.plates.calibration import Calibration
from vigie_agent.plates.decoding import Reading, decode, decode_lines
from vigie_shared.plates import ALL_KINDS, MOROCCAN, could_begin, from_glyphs

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
    assert reading.confidence == pytest.approx(1.0, abs=0.01)
    assert reading.char_confidences == pytest.approx((1.0, 1.0, 1.0, 1.0), abs=0.01)


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
    assert reading.confidence == pytest.approx(0.7, abs=0.01)
    assert dict(reading.alternatives) == pytest.approx({"3|د|6": 0.3}, abs=0.01)


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
    assert reading.evidence.likelihood == pytest.approx(0.9 ** (len(above) + len(below)), rel=0.02)


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
    assert reading.confidence == pytest.approx(1.0, abs=0.01)


def test_looks_decide_between_kinds_that_spell_alike() -> None:
    steps = np.concatenate([spelled(*"1234"), tokens_at({"أ": 0.5, "A": 0.5}), tokens_at({"6": 0.5, "W": 0.5})])
    foreign = decode_lines([steps], WORDS, ALL_KINDS, {"european": 0.9, "civil": 0.1})
    moroccan = decode_lines([steps], WORDS, ALL_KINDS, {"european": 0.1, "civil": 0.9})
    assert foreign is not None
    assert moroccan is not None
    assert (foreign.text, moroccan.text) == ("1234AW", "1234|أ|6")


def test_looks_do_not_outweigh_a_clear_text() -> None:
    reading = decode_lines([spelled(*"1234أ6")], WORDS, ALL_KINDS, {"european": 1.0})
    assert reading is not None
    assert reading.text == "1234|أ|6"


def seen_by(rng: np.random.Generator, held_least: float, pauses: float) -> NDArray[np.float32]:
    """Steps of a plate: one to three for each token, at times without a pause between, other tokens faint in them."""
    tokens = [*str(rng.integers(1, 9999)), str(rng.choice(["أ", "ب"])), *str(rng.integers(1, 90))]
    chances: list[dict[str, float]] = []
    for token in tokens:
        for _step in range(int(rng.integers(1, 4))):
            other = str(rng.choice([*"0123456789أب"]))
            held = float(rng.uniform(held_least, 0.9))
            chances.append({token: held} | ({other: 0.09} if other != token and rng.random() < 0.4 else {}))
        if rng.random() < pauses:
            chances.append({})
    return tokens_at(*chances)


def every_plate(steps: NDArray[np.float32]) -> dict[str, float]:
    """Each plate that the steps may spell, with its probability: the search that leaves nothing out."""
    ends: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    for row in steps.tolist():
        grown: dict[str, list[float]] = {}
        for text, (paused, held) in ends.items():
            grown.setdefault(text, [0.0, 0.0])[0] += (paused + held) * row[-1]
            for token, chance in zip(WORDS, row[:-1], strict=True):
                if chance and text.endswith(token):
                    grown[text][1] += held * chance
                if chance and could_begin(text + token, MOROCCAN):
                    came_from = paused if text.endswith(token) else paused + held
                    grown.setdefault(text + token, [0.0, 0.0])[1] += came_from * chance
        ends = {text: (paused, held) for text, (paused, held) in grown.items() if paused + held > 1e-9}
    plates = ((from_glyphs(text), sum(both)) for text, both in ends.items())
    return {plate.text: chance for plate, chance in plates if plate}


@pytest.mark.parametrize("seed", range(30))
def test_beam_finds_what_a_search_that_leaves_nothing_out_finds(seed: int) -> None:
    steps = seen_by(np.random.default_rng((31, seed)), held_least=0.82, pauses=0.9)
    truth = every_plate(steps)
    reading = decode(steps, WORDS)
    assert reading is not None
    assert reading.text == max(truth, key=lambda text: truth[text])
    assert reading.evidence.likelihood == pytest.approx(truth[reading.text], rel=0.03)
    total = sum(truth.values())
    assert reading.evidence.share == pytest.approx(truth[reading.text] / total, abs=0.2)
    told = dict(reading.alternatives)
    assert told == pytest.approx({text: truth[text] / total for text in told}, abs=0.06)


@pytest.mark.parametrize("seed", range(30))
def test_what_the_beam_leaves_out_on_a_blurred_plate_is_little(seed: int) -> None:
    steps = seen_by(np.random.default_rng((32, seed)), held_least=0.3, pauses=0.6)
    truth = every_plate(steps)
    reading = decode(steps, WORDS)
    assert reading is not None
    assert truth[reading.text] >= 0.9 * max(truth.values())
    assert reading.evidence.likelihood == pytest.approx(truth[reading.text], abs=0.06)


def chars_of(reading: Reading | None) -> tuple[float, ...]:
    assert reading is not None
    return reading.evidence.char_shares


def test_only_the_characters_in_which_plates_differ_are_unsure() -> None:
    steps = tokens_at({"7": 0.8, "1": 0.2}, {}, {"2": 1.0}, {}, {"أ": 1.0}, {"6": 1.0})
    assert chars_of(decode(steps, WORDS)) == pytest.approx((0.8, 1.0, 1.0, 1.0))


def test_a_character_that_may_not_be_there_is_as_unsure_as_that() -> None:
    steps = tokens_at({"7": 1.0}, {}, {"2": 0.7}, {}, {"أ": 1.0}, {"6": 1.0})
    assert chars_of(decode(steps, WORDS)) == pytest.approx((1.0, 0.7, 1.0, 1.0))


def test_what_no_plate_can_be_there_makes_no_character_unsure() -> None:
    steps = tokens_at({"7": 0.5, "A": 0.5}, {"أ": 1.0}, {"6": 1.0})
    assert chars_of(decode(steps, WORDS)) == pytest.approx((1.0, 1.0, 1.0))


def test_a_text_that_the_steps_hardly_spell_is_unsure_even_where_no_other_fits() -> None:
    def sure(held: float) -> float:
        reading = decode(tokens_at({"7": held}, {}, {"أ": held}, {}, {"6": held}), WORDS)
        assert reading is not None
        return reading.confidence

    assert sure(0.9) > 0.99
    assert sure(0.07) < 0.1


def test_confidence_follows_the_calibration() -> None:
    steps = tokens_at({"8": 0.7, "3": 0.3}, {"ب": 1.0}, {"6": 1.0})
    bold = decode_lines([steps], WORDS, calibration=Calibration((2.0, 1.0), chars=(2.0, 1.0)))
    shy = decode_lines([steps], WORDS, calibration=Calibration((-2.0, 1.0), chars=(-2.0, 1.0)))
    assert bold is not None
    assert shy is not None
    assert shy.confidence < 0.7 < bold.confidence
    assert shy.char_confidences[0] < 0.7 < bold.char_confidences[0]
    for reading in (bold, shy):
        assert reading.confidence + sum(chance for _text, chance in reading.alternatives) <= 1
        assert reading.alternatives[0][1] <= reading.confidence
