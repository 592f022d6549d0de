import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared.hotlists.lists import entry
from vigie_shared.errors import WireError
from vigie_shared.hotlists import coding
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.entries import Entry, Terms

TERMS = st.builds(
    Terms,
    st.sampled_from([(), ("6/5",), ("uncertain read", "1/أ")]),
    st.sampled_from(["", "stolen", "wanted"]),
    st.integers(0, 9),
    st.integers(0, 2_000_000_000),
    st.integers(0, 2_000_000_000),
)
ENTRIES = st.lists(
    st.builds(
        Entry,
        st.text(alphabet="0123456789|أبدABF", min_size=1, max_size=32),
        st.integers(0, (1 << 88) - 1).map(lambda one: f"{one:022x}"),
        TERMS,
    ),
    max_size=40,
    unique_by=lambda one: one.entry_id,
)


@given(ENTRIES)
def test_a_list_comes_back_as_it_was(entries: list[Entry]) -> None:
    columns = Columns.of(entries)
    again = coding.decode(coding.encode(columns))
    assert list(again) == sorted(entries)
    assert coding.digest(again) == coding.digest(columns)


@given(ENTRIES, ENTRIES, st.randoms(use_true_random=False))
def test_a_change_makes_the_list_that_it_was_made_from(
    before: list[Entry], come: list[Entry], chance: random.Random
) -> None:
    gone = [one.entry_id for one in before if chance.random() < 0.5]
    data = coding.encode_change(gone, Columns.of(come))
    changed = Columns.of(before).changed(*coding.decode_change(data))
    out = {*gone, *(one.entry_id for one in come)}
    wanted = Columns.of([*(one for one in before if one.entry_id not in out), *come])
    assert list(changed) == list(wanted)
    assert coding.digest(changed) == coding.digest(wanted)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(WireError):
        coding.decode(noise)


@settings(max_examples=400)
@given(st.binary(max_size=120), st.data())
def test_noise_in_good_compression_is_refused_or_is_a_list(noise: bytes, data: st.DataObject) -> None:
    plain = bytearray(coding._plain(Columns.of([entry("1|أ|6", 1), entry("12|أ|6", 2), entry("2|ب|1", 3)])))
    at = data.draw(st.integers(0, len(plain)))
    plain[at : at + data.draw(st.integers(0, 8))] = noise[: data.draw(st.integers(0, 8))]
    for read in (coding.decode, coding.decode_change):
        try:
            found = read(coding._packed(bytes(plain)))
        except WireError:
            continue
        columns = found if isinstance(found, Columns) else found[1]
        assert list(columns) == sorted(columns)


def test_what_unpacks_to_more_than_a_list_may_be_is_refused_unread() -> None:
    with pytest.raises(WireError, match="larger"):
        coding.decode(coding._packed(bytes(coding.PLAIN_BYTES_MAX + 1)))


def test_a_list_in_another_order_is_refused() -> None:
    columns = Columns.of([entry("1|أ|6", 1), entry("2|أ|6", 2)])
    columns.texts.reverse()
    with pytest.raises(WireError, match="order"):
        coding.decode(coding.encode(columns))


def test_large_changes_and_small_ones_come_to_the_same() -> None:
    chance = random.Random(5)
    before = [entry(f"{number}|أ|{1 + number % 89}", number, until=number % 3) for number in range(6000)]
    come = [entry(f"{number}|ب|7", number + 3000, rules=("6/5",)) for number in range(2500)]
    gone = [one.entry_id for one in chance.sample(before, 2000)]
    at_once = Columns.of(before).changed(gone, Columns.of(come))
    in_steps = Columns.of(before).changed(gone, Columns())
    for start in range(0, len(come), 500):
        in_steps = in_steps.changed([], Columns.of(come[start : start + 500]))
    assert coding.digest(at_once) == coding.digest(in_steps)
