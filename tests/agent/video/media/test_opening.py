"""The first pictures fill a fast link soon, and a slow one not at all."""

import pytest

from vigie_agent.video.media.opening import CATCH_UP_SECONDS, HELD_SECONDS_MAX, OPENING_SECONDS, WINDOW_BYTES, Opening


def heard(round_trip_seconds: float, at_seconds: float = 0.0) -> Opening:
    opening = Opening(round_trip_seconds, began_seconds=0.0)
    opening.hear(at_seconds)
    return opening


def test_what_goes_beyond_the_burst_is_held_until_the_other_side_has_spoken_or_will_not() -> None:
    opening = Opening(0.06, began_seconds=10.0)
    assert opening.is_held(10.0)
    assert opening.is_held(10.06)
    opening.hear(10.08)
    assert not opening.is_held(10.08)
    silent = Opening(0.06, began_seconds=10.0)
    assert not silent.is_held(10.06 + HELD_SECONDS_MAX)


def test_where_the_link_is_known_already_it_goes_on_with_a_window_each_round_trip_and_doubles() -> None:
    opening = heard(0.06)
    first, second = opening.bits_per_second(0.0, 0), opening.bits_per_second(0.06, 0)
    assert first == 8 * WINDOW_BYTES / 0.06
    assert second == pytest.approx(2 * first)


def test_the_round_trip_that_the_other_sides_word_took_counts_and_waiting_longer_for_it_does_not() -> None:
    soon, late = heard(0.06, at_seconds=0.06), heard(0.06, at_seconds=0.3)
    assert soon.bits_per_second(0.06, 0) == pytest.approx(2 * 8 * WINDOW_BYTES / 0.06)
    assert late.bits_per_second(0.3, 0) == pytest.approx(soon.bits_per_second(0.06, 0))


def test_on_a_lan_nothing_is_held_back_for_long() -> None:
    assert heard(0.0005).bits_per_second(0.02, 0) is None


def test_after_a_loss_it_grows_no_more() -> None:
    opening = heard(0.06)
    opening.lose(0.06)
    opening.lose(0.6)
    assert opening.bits_per_second(0.9, 0) == opening.bits_per_second(0.06, 0)


def test_what_waits_is_never_left_behind() -> None:
    opening = Opening(0.3, began_seconds=0.0)
    assert opening.bits_per_second(0.0, 1_000_000) == 8_000_000 / CATCH_UP_SECONDS


def test_it_ends() -> None:
    opening = Opening(0.3, began_seconds=5.0)
    assert not opening.is_over(5.0)
    assert opening.is_over(5.0 + OPENING_SECONDS)
