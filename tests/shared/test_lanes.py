"""Packed values come out as one by one they would, whatever lies beyond the last; and so do their bounds."""

from hypothesis import example, given
from hypothesis import strategies as st

from vigie_shared.columns.lanes import are_within, spread


@st.composite
def packed(draw: st.DrawFn) -> tuple[list[int], int, bytes]:
    """Values, their width, and the bytes that hold them, with any bits beyond the last."""
    width = draw(st.integers(1, 64))
    values = draw(st.lists(st.integers(0, (1 << width) - 1), min_size=1, max_size=draw(st.sampled_from([3, 40, 600]))))
    bits = sum(value << place * width for place, value in enumerate(values))
    size = (width * len(values) + 7) // 8
    beyond = draw(st.integers(0, 255)) << width * len(values) & (1 << 8 * size) - 1
    return values, width, (bits | beyond).to_bytes(size, "little")


@given(packed())
@example(([1], 3, b"\xf9"))
def test_values_come_out_as_they_went_in(found: tuple[list[int], int, bytes]) -> None:
    values, width, data = found
    assert spread(data, len(values), width) == values


@given(packed(), st.data())
def test_bounds_hold_for_all_or_are_broken_by_one(found: tuple[list[int], int, bytes], data: st.DataObject) -> None:
    values, width, raw = found
    near = st.sampled_from(values).flatmap(lambda value: st.integers(value - 1, value + 1))
    most = (1 << width) - 1
    low, high = (min(max(data.draw(near | st.integers(0, most)), 0), most) for _bound in range(2))
    assert are_within(raw, len(values), width, low, high) == all(low <= value <= high for value in values)
