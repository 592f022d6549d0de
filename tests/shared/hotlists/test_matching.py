from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared.hotlists.lists import NOON, entry
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import LOOK_ALIKES, RULES, seconds
from vigie_shared.hotlists.matching import Index, Match, blurred
from vigie_shared.plates import ALL_KINDS, parse
from vigie_shared.plates.confusions import CONFUSIONS

WANTED = f"{1:022x}"


def found(text: str, wanted: str, *, rules: tuple[str, ...] = (), uncertain: bool = False) -> list[str]:
    index = Index(Columns.of([entry(wanted, 1, rules=rules), entry("77777|ي|77", 2, rules=RULES)]))
    return [match.rule for match in index.find(text, uncertain=uncertain, at=NOON) if match.entry_id == WANTED]


def test_exact_text_is_exact() -> None:
    assert found("12345|أ|6", "12345|أ|6") == ["exact"]
    assert found("12345|أ|6", "12345|أ|6", rules=RULES) == ["exact"]


@pytest.mark.parametrize(
    ("read", "wanted", "rule"),
    [
        ("12365|أ|6", "12355|أ|6", "6/5"),
        ("12395|أ|6", "12335|أ|6", "9/3"),
        ("123451|أ|6".replace("12", "2", 1), "2345|أ|6", "bar read as 1"),
        ("2345|أ|6", "2345|أ|16", "1 read as bar"),
        ("12345|و|6", "12345|د|6", "و/د"),
        ("12345|د|6", "12345|ب|6", "د/ب"),
        ("AB1230D", "AB123OD", "0/O"),
        ("AB123CD", "A8123CD", "8/B"),
        ("FAB123CD", "AB123CD", "band letter read"),
        ("AB123CD||F", "AB123CD", "country unknown"),
    ],
)
def test_a_look_alike_is_found_only_by_a_rule_that_the_entry_names(read: str, wanted: str, rule: str) -> None:
    assert found(read, wanted, rules=(rule,)) == [rule]
    assert found(read, wanted, rules=LOOK_ALIKES) == [rule]
    assert found(read, wanted) == []
    assert found(read, wanted, rules=tuple(one for one in LOOK_ALIKES if one != rule)) == []


def test_an_uncertain_read_is_no_hit_unless_the_entry_asks_for_it_and_never_a_look_alike() -> None:
    assert found("12345|أ|6", "12345|أ|6", uncertain=True) == []
    assert found("12345|أ|6", "12345|أ|6", uncertain=True, rules=RULES) == ["uncertain read"]
    assert found("12365|أ|6", "12355|أ|6", uncertain=True, rules=RULES) == []


def test_terms_hold_from_then_until_then() -> None:
    since, until = seconds(NOON), seconds(NOON + timedelta(hours=1))
    index = Index(Columns.of([entry("12345|أ|6", 1, rules=("6/5",), valid_from=since, until=until)]))
    for text in ("12345|أ|6", "12346|أ|6"):
        assert len(index.find(text, uncertain=False, at=NOON)) == 1
        assert index.find(text, uncertain=False, at=NOON - timedelta(seconds=1)) == []
        assert index.find(text, uncertain=False, at=NOON + timedelta(hours=1)) == []


def test_every_entry_of_a_text_is_hit() -> None:
    index = Index(Columns.of([entry("12345|أ|6", 1), entry("12345|أ|6", 2), entry("12345|أ|7", 3)]))
    assert index.find("12345|أ|6", uncertain=False, at=NOON) == [
        Match(f"{1:022x}", "exact"),
        Match(f"{2:022x}", "exact"),
    ]


CIVIL = st.builds(
    lambda n, letter, region: f"{n}|{letter}|{region}",
    st.integers(1, 99_999),
    st.sampled_from("أبدهوط"),
    st.integers(1, 89),
)
FOREIGN = st.from_regex(r"[A-Z01358]{4,8}", fullmatch=True)


@settings(max_examples=600)
@given(st.one_of(CIVIL, FOREIGN), st.data())
def test_no_rule_reaches_beyond_the_blur(text: str, data: st.DataObject) -> None:
    """Whatever one rule takes for `text` is found by its blurred text."""
    wanted = parse(text, ALL_KINDS)
    if wanted is None:
        return
    swaps = ("0", "O", "1", "I", "8", "B", "D", "6", "5", "9", "3", "أ", "و", "د", "ب", "")
    at = data.draw(st.integers(0, len(text)))
    other = text[:at] + data.draw(st.sampled_from(swaps)) + text[at + data.draw(st.integers(0, 1)) :]
    read = parse(other, ALL_KINDS)
    if read is None or read.text == wanted.text:
        return
    for one in CONFUSIONS:
        if one.explains(read, wanted):
            assert blurred(wanted.text) in (blurred(read.text), blurred(read.text[1:])), one.name
            assert one.name in found(read.text, wanted.text, rules=(one.name,))
