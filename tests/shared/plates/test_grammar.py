"""Each grammar accepts every way of writing its plates, and nothing that is not one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.shared.plates.families import ANY, CIVIL, EUROPEAN, LATIN, MOROCCAN_PLATES
from vigie_shared.plates import ALL_KINDS, MOROCCAN, Plate, PlateKind, could_begin, from_glyphs, parse
from vigie_shared.plates.registry import GRAMMARS, claiming

GLYPHS = "0123456789أبدهوطيجشقمسالغر-\n" + LATIN


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
        "12345 | A | 6 | MA",
        "12345 أ A 6 MA",
        "12345|ا|6",
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
    plate = parse(f"7|{arabic}|89")
    assert parse(f"7|{latin}|89") == plate
    assert from_glyphs(f"7{latin}89") == plate, "as it is drawn abroad"
    assert from_glyphs(f"7{arabic}{latin}89") == plate, "with both letters"


@pytest.mark.parametrize("letters", ["أB", "Aب", "AB", "W", "أأ"])
def test_two_letters_that_are_not_equivalents_are_no_plate(letters: str) -> None:
    assert parse(f"7{letters}89") is None
    assert not could_begin(f"7{letters}", ["civil"])


def test_heh_keeps_its_meaning_in_every_shape() -> None:
    shapes = ["هـ", "\ufeeb", "ه", "ھ"]
    assert {plate.text for shape in shapes if (plate := parse(f"88|{shape}|40"))} == {"88|ه|40"}


@pytest.mark.parametrize(
    ("text", "kind", "canonical"),
    [
        ("552679WW", "ww", "552679|WW|"),
        ("552679|WW", "ww", "552679|WW|"),
        ("552679 ww", "ww", "552679|WW|"),
        ("1234 w18", "w18", "1234|W18|"),
        ("227709|ش|", "police", "227709|ش|"),
        ("187620|ج|", "state", "187620|ج|"),
        ("183264 M", "state", "183264|M|"),
        ("200047|المغرب|", "state", "200047|المغرب|"),
        ("200047 | \ufe8e\ufedf\ufee4\ufed0\ufeae\ufe8f", "state", "200047|المغرب|"),
        ("123456 ق س", "forces", "123456|قس|"),
        ("123456قمم", "forces", "123456|قمم|"),
        ("013353||8", "moped", "013353||8"),
        ("8 / 013353", "moped", "013353||8"),
        ("CD 12-19", "diplomatic", "12|CD|19"),
        ("pat1-100", "diplomatic", "1|PAT|100"),
        ("1234-56 | 7", "before2000", "1234|56|7"),
    ],
)
def test_each_kind_is_told_and_written_one_way(text: str, kind: str, canonical: str) -> None:
    plate = parse(text)
    assert plate is not None
    assert (plate.kind, plate.text) == (kind, canonical)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("RK 115-AN", "RK115AN"),
        ("cg·576·fk||f", "CG576FK||F"),
        ("1b1 9839", "1B19839"),
        ("MÜ XY 12", "MÜXY12"),
        ("GWAGEN", "GWAGEN"),
    ],
)
def test_foreign_plate_is_read_where_it_is_asked_for(text: str, canonical: str) -> None:
    plate = parse(text, ALL_KINDS)
    assert plate is not None
    assert (plate.kind, plate.text) == ("european", canonical)
    assert parse(text) is None, "not at a Moroccan site"


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
        "12345||6",
        "12345",
        "أ|6",
        "1234567WW",
        "12345|أ|6|7",
        "12345|أ|6\n7",
        "12 345|أ|6",
        "12345||أ|6",
        "0133538",
        "CD1219",
        "CD 0-19",
        "1234567",
        "12345-56-7",
        "1234-56-0",
        "1234567M",
        "12345|M|6",
    ],
)
def test_a_text_that_breaks_a_rule_is_no_plate(text: str) -> None:
    assert parse(text) is None


@pytest.mark.parametrize("text", ["12345-A-90", "123|B|0", "99999 D 99", "7-Y-05", "12345", "1234567", "AB|1234|CD"])
def test_broken_moroccan_plate_never_passes_for_a_foreign_one(text: str) -> None:
    assert parse(text, ["european"]) is None
    assert parse(text, ALL_KINDS) is None


@given(ANY)
def test_text_and_display_parse_back_to_the_plate(plate: Plate) -> None:
    assume(plate.kind != "european" or claiming(plate.serial) == ["european"])
    assert parse(plate.text, ALL_KINDS) == plate
    assert parse(plate.display(), ALL_KINDS) == plate


@given(MOROCCAN_PLATES)
def test_glyphs_and_lines_are_read_back_as_the_plate(plate: Plate) -> None:
    if plate.kind != "moped":
        assert from_glyphs(plate.glyphs) == plate
    if plate.lines is not None:
        assert from_glyphs("\n".join(plate.lines), lines=2) == plate


@given(ANY)
def test_every_beginning_of_a_plate_could_begin_one(plate: Plate) -> None:
    assume(plate.kind != "european" or "european" in claiming(plate.serial))
    forms = [("\n".join(plate.lines), 2)] if plate.lines else []
    forms += [] if plate.kind == "moped" else [(plate.glyphs, 1)]
    for glyphs, lines in forms:
        assert all(could_begin(glyphs[:length], [plate.kind], lines) for length in range(len(glyphs) + 1))


def completed(glyphs: str, kinds: tuple[PlateKind, ...], lines: int) -> bool:
    """Whether some plate is drawn as `glyphs` and more, found by trying."""
    if from_glyphs(glyphs, kinds, lines):
        return True
    longer = (glyphs + char for char in GLYPHS if could_begin(glyphs + char, kinds, lines))
    return any(completed(one, kinds, lines) for one in longer)


@given(
    ANY.flatmap(lambda plate: st.integers(0, 8).map(lambda length: plate.glyphs[:length])),
    st.text(GLYPHS, max_size=2),
    st.sampled_from([*((kind,) for kind in ALL_KINDS), MOROCCAN, ALL_KINDS]),
    st.sampled_from([1, 2]),
)
def test_whatever_could_begin_a_plate_goes_on_to_be_one(
    start: str, more: str, kinds: tuple[PlateKind, ...], lines: int
) -> None:
    glyphs = start + more
    assert not could_begin(glyphs, kinds, lines) or completed(glyphs, kinds, lines)


@pytest.mark.parametrize("glyphs", ["أ", "0أ", "12أ9ب", "12أ90", "12345678", "123456WWW", "12أ0", "CD0", "1234567M"])
def test_no_plate_begins_so(glyphs: str) -> None:
    assert not could_begin(glyphs)


def test_a_beam_is_kept_to_the_kinds_and_lines_it_is_given() -> None:
    assert not could_begin("123456", ["civil"])
    assert could_begin("123456", ["civil", "ww"])
    assert not could_begin("AB", MOROCCAN)
    assert could_begin("AB", ["european"])
    assert could_begin("أ11\n3", lines=2)
    assert not could_begin("أ11\n3")


@given(MOROCCAN_PLATES)
def test_no_two_moroccan_grammars_claim_one_text(plate: Plate) -> None:
    for text in (plate.text, plate.display(), plate.glyphs):
        assert [kind for kind in claiming(text) if kind in MOROCCAN] in ([plate.kind], [])
    assert claiming(plate.text)[0] == plate.kind
    drawn = [one.kind for one in GRAMMARS if one.from_glyphs(plate.glyphs, lines=2 if plate.kind == "moped" else 1)]
    assert [kind for kind in drawn if kind in MOROCCAN] == [plate.kind]


@given(EUROPEAN)
def test_foreign_grammar_yields_to_a_moroccan_one(plate: Plate) -> None:
    kinds = claiming(plate.serial)
    found = parse(plate.serial, ALL_KINDS)
    assert (found is None) == (not kinds)
    assert found is None or found.kind == kinds[0]


def test_foreign_grammar_comes_last() -> None:
    assert [grammar.kind for grammar in GRAMMARS] == list(ALL_KINDS)


@given(CIVIL)
def test_display_is_an_isolate_with_a_mark_after_the_letter(plate: Plate) -> None:
    assert plate.display() == f"\u2066{plate.serial} | {plate.letter}\u200e | {plate.region}\u2069"


@given(st.text(max_size=20), st.sampled_from([MOROCCAN, ALL_KINDS]))
def test_any_text_is_answered_without_error(text: str, kinds: tuple[PlateKind, ...]) -> None:
    plate = parse(text, kinds)
    assert plate is None or parse(plate.text, kinds) == plate


@given(st.text("0123456789ABDEHTYMCWIPSXأبج|- /", max_size=12))
def test_what_is_read_is_read_again_from_its_text(text: str) -> None:
    plate = parse(text, ALL_KINDS)
    assert plate is None or parse(plate.text, ALL_KINDS) == plate
