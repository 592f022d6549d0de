from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vigie_agent.capture.order import DecodingOrder

F = 3600


def decoded(order: DecodingOrder, *frames: int) -> list[int]:
    return [order.decoding_ticks(frame * F) for frame in frames]


def test_without_b_frames_a_picture_is_decoded_when_it_is_shown() -> None:
    order = DecodingOrder(90_000)
    assert decoded(order, 10, 11, 12, 13) == [10 * F, 11 * F, 12 * F, 13 * F]
    assert not order.has_b_frames


def test_b_frames_are_noticed_and_from_then_on_decoding_times_rise_evenly() -> None:
    order = DecodingOrder(90_000)
    shown = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 12, 10, 11]
    times = decoded(order, *shown)
    assert order.has_b_frames
    assert all(after > before for before, after in pairwise(times[3:]))
    assert [after - before for before, after in pairwise(times[6:])] == [F] * 6
    assert all(time <= frame * F for time, frame in zip(times, shown, strict=True))


def test_a_stream_that_says_how_far_it_reorders_is_even_from_the_beginning() -> None:
    order = DecodingOrder(90_000)
    order.limit(1)
    times = decoded(order, 0, 3, 1, 2, 6, 4, 5)
    assert times[1:] == [0, F, 2 * F, 3 * F, 4 * F, 5 * F]
    assert order.has_b_frames


def test_a_stream_that_may_not_reorder_is_not_said_to() -> None:
    order = DecodingOrder(90_000)
    order.limit(0)
    assert decoded(order, 10, 9, 11) == [10 * F, 9 * F, 11 * F]
    assert not order.has_b_frames


def test_a_jump_is_no_b_frame() -> None:
    order = DecodingOrder(90_000)
    assert decoded(order, 1000, 1001, 0, 1, 2) == [1000 * F, 1001 * F, 0, F, 2 * F]
    assert not order.has_b_frames


@settings(deadline=None)
@given(st.lists(st.integers(-(2**40), 2**40) | st.integers(0, 100_000), max_size=60))
def test_no_picture_is_shown_before_it_is_decoded(ticks: list[int]) -> None:
    order = DecodingOrder(90_000)
    for shown in ticks:
        assert order.decoding_ticks(shown) <= shown
