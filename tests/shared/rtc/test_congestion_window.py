"""When packets may leave."""

import pytest

from vigie_shared.rtc.congestion_model import PACKET_BYTES, WINDOW_FIRST_BYTES
from vigie_shared.rtc.congestion_window import CATCH_UP_SECONDS, CongestionWindow

ROUND_TRIP = 0.1


def first_round() -> CongestionWindow:
    """Ten packets have gone and come back, 10 ms apart."""
    window = CongestionWindow()
    for number in range(10):
        assert window.wait_seconds(0.0) == 0
        window.send(number, PACKET_BYTES, 0.0)
    for number in range(10):
        window.acknowledge(number, [], 1e6, ROUND_TRIP + number * 0.01)
    return window


def test_the_first_ten_leave_at_once_and_the_next_wait_for_an_acknowledgement() -> None:
    window = CongestionWindow()
    for number in range(10):
        assert window.wait_seconds(0.0) == 0
        window.send(number, PACKET_BYTES, 0.0)
    assert window.wait_seconds(0.0) is None
    assert window.in_flight_bytes == WINDOW_FIRST_BYTES
    window.acknowledge(0, [], 1e6, ROUND_TRIP)
    assert window.wait_seconds(ROUND_TRIP) == 0


def test_packets_leave_at_the_pace() -> None:
    window = first_round()
    pace = window.model.pace
    assert pace is not None
    now, left = 1.0, 0
    while left < 6:
        wait = window.wait_seconds(now)
        assert wait is not None
        if wait:
            now += wait
        else:
            window.send(10 + left, PACKET_BYTES, now)
            left += 1
    assert now - 1.0 == pytest.approx(6 * PACKET_BYTES / pace - CATCH_UP_SECONDS, abs=PACKET_BYTES / pace + 0.002)


def test_a_late_timer_makes_up_only_for_a_little() -> None:
    window = first_round()
    pace = window.model.pace
    assert pace is not None
    left = 0
    while window.wait_seconds(50.0) == 0:
        window.send(10 + left, PACKET_BYTES, 50.0)
        left += 1
    assert left <= pace * (CATCH_UP_SECONDS + 0.001) / PACKET_BYTES + 1


def test_the_other_sides_buffer_is_heeded() -> None:
    window = CongestionWindow()
    window.send(0, PACKET_BYTES, 0.0)
    window.acknowledge(0, [], 2 * PACKET_BYTES, ROUND_TRIP)
    left = 0
    now = 1.0
    while (wait := window.wait_seconds(now)) is not None:
        now += wait
        if wait == 0:
            left += 1
            window.send(left, PACKET_BYTES, now)
    assert left == 2


def test_a_full_buffer_lets_one_packet_at_a_time_ask() -> None:
    window = CongestionWindow()
    window.send(0, PACKET_BYTES, 0.0)
    window.acknowledge(0, [], 0, ROUND_TRIP)
    assert window.wait_seconds(1.0) == 0
    window.send(1, PACKET_BYTES, 1.0)
    assert window.wait_seconds(1.0) is None


def test_nothing_coming_back_closes_the_window_until_something_does() -> None:
    window = first_round()
    now = 1.0
    for number in range(10, 16):
        window.send(number, PACKET_BYTES, now)
    while not (expiry := window.expire(now)).is_timeout:
        at = window.next_at()
        assert at is not None
        now = at
    assert len(expiry.lost) == 6
    assert window.model.window_bytes == 2 * PACKET_BYTES
    window.send(10, PACKET_BYTES, now)
    window.acknowledge(10, [], 1e6, now + ROUND_TRIP)
    assert window.model.window_bytes > 4 * PACKET_BYTES
