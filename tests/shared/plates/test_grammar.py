"""The grammar accepts every way of writing a plate, and nothing that is not one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_shared.plates import CIVIL_LETTERS, SERVICE_LETTERS, Plate, could_begin, parse

CIVIL = st.builds(
    lambda serial, letter, region: Plate(kind="civil", serial=str(serial), letter=letter, region=region),
    st.integers(1, 99_999),
    st.sampled_from(CIVIL_LETTERS + SERVICE_LETTERS),
    st.integers(1, 89),
)
WW = st.builds(
    lambda serial: Plate(kind="ww", serial=serial, letter="WW"), st.from_regex(r"[0-9]{5,6}", fullmatch=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "12345|أ|6",
        " 12345 | أ | 6 ",
        "12345-أ-6",
        "12345 أ 6",
        "12345أ6",
        "12345 | \ufe83 | 6",
        "12345|A|6",
        "12345|a|6",
        "١٢٣٤٥|أ|٦",
        "12345 | أ\u200e | 6",
    ],
)
def test_every_way_of_writing_a_civil_plate_gives_one_text(text: str) -> None:
    plate = parse(text)
    assert plate is not None
    assert plate.text == "12345|أ|6"
    assert (plate.kind, plate.serial, plate.letter, plate.region) == ("civil", "12345", "أ", 6)


@pytest.mark.parametrize(
    ("latin", "arabic"), [("A", "أ"), ("B", "ب"), ("D", "د"), ("H", "ه"), ("E", "و"), ("T", "ط"), ("Y", "ي")]
)
def test_latin_letter_of_a_travel_plate_is_its_arabic_letter(latin: str, arabic: str) -> None:
    assert parse(f"7|{latin}|89") == parse(f"7|{arabic}|89")


def test_heh_keeps_its_meaning_with_tatweel_and_initial_form() -> None:
    assert parse("88|هـ|40") == parse("88|\ufeeb|40") == parse("88|ه|40") is not None


@pytest.mark.parametrize("text", ["552679WW", "552679|WW", "552679 ww", "55267-WW"])
def test_provisional_plate_is_read(text: str) -> None:
    plate = parse(text)
    assert plate is not None
    assert plate.kind == "ww"
    assert plate.text.endswith("|WW")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0|أ|6",
        "01234|أ|6",
        "123456|أ|6",
        "12345|أ|0",
        "12345|أ|90",
        "12345|أ|06",
        "12345|س|6",
        "12345|C|6",
        "12345||6",
        "12345",
        "أ|6",
        "1234WW",
        "1234567WW",
        "552679W",
        "12345|أ|6|7",
        "12345|أ|6\n7",
        "12 345|أ|6",
        "12345||أ|6",
    ],
)
def test_a_text_that_breaks_a_rule_is_no_plate(text: str) -> None:
    assert parse(text) is None


@given(st.one_of(CIVIL, WW))
def test_text_and_display_parse_back_to_the_plate(plate: Plate) -> None:
    assert parse(plate.text) == plate
    assert parse(plate.display()) == plate
    assert parse(plate.glyphs) == plate


@given(st.one_of(CIVIL, WW))
def test_every_beginning_of_a_plate_could_begin_one(plate: Plate) -> None:
    assert all(could_begin(plate.glyphs[:length]) for length in range(len(plate.glyphs) + 1))


@pytest.mark.parametrize("glyphs", ["أ", "0أ", "123456أ", "12أ9ب", "12أ90", "1234W", "1234567", "123456WWW", "12أ0"])
def test_no_plate_begins_so(glyphs: str) -> None:
    assert not could_begin(glyphs)


def test_display_puts_a_left_to_right_mark_after_the_letter() -> None:
    plate = parse("12345|ب|72")
    assert plate is not None
    assert plate.display() == "12345 | ب\u200e | 72"


@given(st.text(max_size=20))
def test_any_text_is_answered_without_error(text: str) -> None:
    plate = parse(text)
    assert plate is None or parse(plate.text) == plate
