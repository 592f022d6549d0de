"""The first pictures fill a fast link soon, and a slow one not at all."""

from vigie_agent.video.media.opening import CATCH_UP_SECONDS, OPENING_SECONDS, WINDOW_BYTES, Opening


def test_it_begins_with_a_window_each_round_trip_and_doubles() -> None:
    opening = Opening(0.06, began_seconds=10.0)
    first = opening.bits_per_second(10.0, 0)
    assert first == 8 * WINDOW_BYTES / 0.06
    second = opening.bits_per_second(10.06, 0)
    assert second is not None
    assert abs(second / first - 2) < 1e-6


def test_on_a_lan_nothing_is_held_back_for_long() -> None:
    opening = Opening(0.0005, began_seconds=0.0)
    assert opening.bits_per_second(0.02, 0) is None


def test_after_a_loss_it_grows_no_more() -> None:
    opening = Opening(0.06, began_seconds=0.0)
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
