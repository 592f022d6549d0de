"""What is asked for ahead follows the road: more where it is long and fast, less where it is slow."""

from collections import deque

import pytest

from vigie_hub.video.pull.window import ROUNDS_OF_TCP, WINDOW_BYTES, WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, Window
from vigie_shared.transfer import FRAME_BYTES_MAX

GET_BYTES = 16 * 1024


def carried(
    rate_bytes_per_second: float, round_trip_seconds: float, seconds: float, window: Window | None = None
) -> tuple[Window, float]:
    """A window after `seconds` on such a road, and the rate that it reached in the last quarter of them."""
    window, now, free_at, arrived_late = window or Window(), 0.0, 0.0, 0
    on_way: deque[tuple[float, int]] = deque()
    asked = arrived = 0
    while now < seconds:
        while asked - arrived < window.bytes:
            window.asked(now, GET_BYTES)
            asked += GET_BYTES
            free_at = max(free_at, now + round_trip_seconds / 2) + GET_BYTES / rate_bytes_per_second
            on_way.append((free_at + round_trip_seconds / 2, GET_BYTES))
        now, count = on_way.popleft()
        window.arrived(now, count)
        arrived += count
        arrived_late += count if now > seconds * 0.75 else 0
    return window, arrived_late / (seconds * 0.25)


def test_before_anything_is_known_it_is_what_it_always_was() -> None:
    assert Window().bytes == WINDOW_BYTES
    assert Window(most=50_000).bytes == 50_000


@pytest.mark.parametrize("round_trip_seconds", [0.001, 0.06, 0.2])
@pytest.mark.parametrize("rate", [1e5, 1e6, 5e6])
def test_the_road_is_filled_and_never_far_ahead(rate: float, round_trip_seconds: float) -> None:
    window, reached = carried(rate, round_trip_seconds, 30)
    assert reached > 0.9 * rate
    assert window.bytes <= max(WINDOW_BYTES_MIN, 2.2 * rate)


def test_a_long_fast_road_gets_more_than_the_first_window_allows() -> None:
    window, reached = carried(12.5e6, 0.06, 10)
    assert WINDOW_BYTES < window.bytes <= WINDOW_BYTES_MAX
    assert reached > 0.9 * 12.5e6
    assert WINDOW_BYTES / 0.06 < 0.2 * 12.5e6, "the first window alone would cap it there"


def test_tcp_is_asked_for_more_from_the_first_get_on() -> None:
    tcp = Window(get_most=FRAME_BYTES_MAX, rounds=ROUNDS_OF_TCP)
    assert tcp.bytes == 2 * FRAME_BYTES_MAX
    ahead = [carried(1.25e6, 0.1, 20, window)[0].bytes for window in (Window(), tcp)]
    assert ahead[0] < 0.6 * ahead[1]
    assert ahead[1] <= 2.2 * 1.25e6


def test_on_a_short_fast_road_neither_side_waits_for_the_other() -> None:
    window, reached = carried(1e8, 0.001, 0.3, Window(get_most=FRAME_BYTES_MAX, rounds=ROUNDS_OF_TCP))
    assert window.bytes >= 4 * window.get_bytes == 4 * FRAME_BYTES_MAX
    assert reached > 0.9 * 1e8


def test_an_answer_says_how_long_the_road_is_before_any_bytes_wait_in_it() -> None:
    window, later = Window(), Window()
    window.answered(0.01)
    for each in (window, later):
        each.asked(0.0, WINDOW_BYTES)
        each.arrived(1.0, WINDOW_BYTES // 2)
        each.arrived(2.0, WINDOW_BYTES // 2)
    assert window.get_bytes < later.get_bytes


def test_a_very_slow_road_is_asked_for_two_seconds_at_most() -> None:
    window, _reached = carried(2_000, 0.1, 120)
    assert window.bytes == WINDOW_BYTES_MIN
