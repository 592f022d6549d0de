"""Cursors read what a `Writer` wrote, in many batches at once, or drop the batch."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vigie_hub.sync.lockstep.cursors import Cursors, Shape
from vigie_shared.columns.packing import Writer

SMALL = st.integers(-9, 300)
LARGE = st.integers(-(1 << 61), 1 << 61)


def written(values: list[int]) -> bytes:
    writer = Writer()
    writer.ints(values)
    return bytes(writer.data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SMALL | LARGE, max_size=40), min_size=1, max_size=9))
def test_integers_of_each_batch_come_back_or_the_batch_is_dropped(batches: list[list[int]]) -> None:
    cursors = Cursors([written(values) for values in batches])
    shape = Shape.of(np.array([len(values) for values in batches]))
    found = cursors.values(cursors.ints(shape.counts, -(1 << 61), 1 << 61), shape)
    for batch, values in enumerate(batches):
        if cursors.ok[batch]:
            assert found[shape.owner == batch].tolist() == values
            assert cursors.at[batch] == cursors.ends[batch]
        else:
            assert max(map(abs, values)) > 1 << 56
            assert not found[shape.owner == batch].any()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(SMALL, min_size=1, max_size=40), min_size=1, max_size=9), SMALL, SMALL)
def test_just_those_with_a_value_out_of_bounds_are_dropped(batches: list[list[int]], low: int, high: int) -> None:
    cursors = Cursors([written(values) for values in batches])
    cursors.ints(np.array([len(values) for values in batches]), low, high)
    assert cursors.ok.tolist() == [low <= min(values) and max(values) <= high for values in batches]


def test_a_number_is_read_of_those_that_have_one_and_none_is_too_long() -> None:
    writers = [Writer() for _each in range(4)]
    for writer, value in zip(writers, (0, 300, (1 << 63) - 1, 1 << 63), strict=True):
        writer.varint(value)
    cursors = Cursors([bytes(writer.data) for writer in writers])
    there = np.array([True, True, True, True])
    assert cursors.varint(there)[:3].tolist() == [0, 300, (1 << 63) - 1]
    assert cursors.ok.tolist() == [True, True, True, False]
    assert (cursors.at == cursors.ends)[:3].all()


def test_a_mark_is_skipped_where_it_is() -> None:
    cursors = Cursors([b"\x07\x01", b"\x01", b"\x07", b""])
    assert cursors.skip(7, np.array([True, True, False, True])).tolist() == [True, False, False, False]
    assert cursors.at.tolist() == [1, 2, 3, 4]
