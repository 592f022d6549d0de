from hypothesis import given
from hypothesis import strategies as st

from vigie_hub.sync.watermarks import Range, advance, holes, without

RANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda one: (one[0], one[0] + one[1]))).map(
    sorted
)


def seqs(ranges: list[Range]) -> set[int]:
    return {seq for first, last in ranges for seq in range(first, last + 1)}


@given(RANGES)
def test_watermark_stops_before_the_first_hole(stored: list[Range]) -> None:
    reached = advance(0, stored)
    assert set(range(1, reached + 1)) <= seqs(stored)
    assert reached + 1 not in seqs(stored)


@given(RANGES, st.integers(1, 40), st.integers(0, 45))
def test_holes_are_exactly_what_is_not_stored(stored: list[Range], first: int, last: int) -> None:
    found = [seq for start, end in holes(first, last, stored) for seq in range(start, end + 1)]
    assert found == [seq for seq in range(first, last + 1) if seq not in seqs(stored)]


@given(st.integers(1, 20), st.integers(0, 20), st.integers(1, 40), st.integers(0, 20))
def test_what_arrives_late_is_missing_no_longer(start: int, length: int, first: int, count: int) -> None:
    end, last = start + length, first + count
    left = [seq for a, b in without((start, end), first, last) for seq in range(a, b + 1)]
    assert left == [seq for seq in range(start, end + 1) if not first <= seq <= last]
