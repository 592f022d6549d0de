"""A match is exact, or names the one rule that makes it a candidate."""

import pytest
from hypothesis import given

from tests.shared.plates.families import ANY
from vigie_shared.plates import ALL_KINDS, Plate, matches, parse
from vigie_shared.plates.confusions import CONFUSIONS


def plate(text: str) -> Plate:
    found = parse(text, ALL_KINDS)
    assert found is not None
    return found


@given(ANY)
def test_a_plate_matches_itself_exactly(wanted: Plate) -> None:
    found = matches(wanted, wanted)
    assert found is not None
    assert found.exact
    assert found.rule is None


@pytest.mark.parametrize(
    ("read", "wanted", "rule"),
    [
        ("RK6O5AB", "RK605AB", "0/O"),
        ("RKOO5AB", "RK005AB", "0/O"),
        ("1Z75I33", "1Z75133", "1/I"),
        ("8Z75133", "BZ75133", "8/B"),
        ("DZ75133", "0Z75133", "0/D"),
        ("12345|أ|6", "12346|أ|6", "6/5"),
        ("12345|أ|5", "12345|أ|6", "6/5"),
        ("12349|أ|6", "12343|أ|6", "9/3"),
        ("12345|د|6", "12345|و|6", "و/د"),
        ("12345|د|6", "12345|ب|6", "د/ب"),
        ("12341|أ|6", "1234|أ|6", "bar read as 1"),
        ("11234|أ|6", "1234|أ|6", "bar read as 1"),
        ("1234|أ|16", "1234|أ|6", "bar read as 1"),
        ("1234|أ|61", "1234|أ|6", "bar read as 1"),
        ("1234|أ|6", "12341|أ|6", "1 read as bar"),
        ("PRK115AN", "RK115AN", "band letter read"),
        ("CG576FK", "CG576FK||F", "country unknown"),
    ],
)
def test_a_candidate_names_its_rule(read: str, wanted: str, rule: str) -> None:
    found = matches(plate(read), plate(wanted))
    assert found is not None
    assert not found.exact
    assert found.rule == rule


@pytest.mark.parametrize(
    ("read", "wanted"),
    [
        ("12345|أ|6", "12347|أ|6"),
        ("16345|أ|6", "15346|أ|6"),
        ("12345|أ|6", "12345|ه|6"),
        ("12345|أ|6", "1245|أ|6"),
        ("OO1IXA", "0011XA"),
        ("1234|أ|6", "1234|ب|16"),
        ("552679|WW|", "552679|M|"),
        ("CG576FK||D", "CG576FK||F"),
        ("XCG576FK||D", "CG576F"),
        ("12345|أ|6", "RK115AN"),
    ],
)
def test_nothing_else_is_a_match(read: str, wanted: str) -> None:
    assert matches(plate(read), plate(wanted)) is None


@given(ANY, ANY)
def test_a_match_that_is_not_exact_always_names_a_known_rule(read: Plate, wanted: Plate) -> None:
    found = matches(read, wanted)
    assert found is None or (found.exact == (read.text == wanted.text))
    assert found is None or found.exact or found.rule in {one.name for one in CONFUSIONS}


def test_every_rule_has_its_own_name() -> None:
    assert len({one.name for one in CONFUSIONS}) == len(CONFUSIONS)
