import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.media.rtsp import sender_report
from vigie_agent.rtsp.reports import SenderReport, find_sender_report


def test_a_report_is_found_in_a_compound_packet() -> None:
    found = find_sender_report(sender_report(1_790_000_000.25, 12_345))
    assert found is not None
    assert found.unix_seconds == pytest.approx(1_790_000_000.25)
    assert found.ticks == 12_345


def test_times_are_counted_both_ways_and_across_the_counter_s_turn() -> None:
    report = SenderReport(1000.0, 2**32 - 90_000)
    assert report.unix_seconds_at(0, 90_000) == 1001.0
    assert report.unix_seconds_at(2**32 - 180_000, 90_000) == 999.0
    assert report.unix_seconds_at(2**32 + 90_000, 90_000) == 1002.0, "extended timestamps count as well"


def test_a_camera_that_was_never_told_the_time_tells_none() -> None:
    assert find_sender_report(sender_report(-2_208_988_800 + 500, 0)) is None
    assert find_sender_report(sender_report(86_400, 0)) is None


@given(st.binary(max_size=100))
def test_nonsense_is_no_report(noise: bytes) -> None:
    for packet in (noise, b"\x80\xc8\x00\x06" + noise, b"\x80\xc9\x00\x00" + noise):
        found = find_sender_report(packet)
        assert found is None or found.unix_seconds > 0
