from hypothesis import given
from hypothesis import strategies as st

from vigie_hub.sync.watermarks import advance, holes, without

SEQS = st.sets(st.integers(1, 40))


@given(SEQS)
def test_watermark_stops_before_the_first_hole(stored: set[int]) -> None:
    reached = advance(0, sorted(stored))
    assert all(seq in stored for seq in range(1, reached + 1))
    assert reached + 1 not in stored


@given(SEQS, st.integers(1, 40), st.integers(0, 45))
def test_holes_are_exactly_what_is_not_stored(stored: set[int], first: int, last: int) -> None:
    found = [seq for start, end in holes(first, last, sorted(stored)) for seq in range(start, end + 1)]
    assert found == [seq for seq in range(first, last + 1) if seq not in stored]


@given(st.integers(1, 20), st.integers(0, 20), st.integers(1, 40), st.integers(0, 20))
def test_what_arrives_late_is_missing_no_longer(start: int, length: int, first: int, count: int) -> None:
    end, last = start + length, first + count
    left = [seq for a, b in without((start, end), first, last) for seq in range(a, b + 1)]
    assert left == [seq for seq in range(start, end + 1) if not first <= seq <= last]
