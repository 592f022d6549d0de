from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.capture.cameras import AT
from vigie_agent.capture.packets import Packet, RawPacket
from vigie_agent.capture.timeline import Timeline

RAW = RawPacket(b"", 0, 0, 3600, Fraction(1, 90_000), is_keyframe=True)


def stamped(timeline: Timeline, *ticks: int | None, late_ms: int = 0) -> list[Packet]:
    """Packets that arrive 40 ms apart."""
    return [
        timeline.stamp(replace(RAW, pts=tick, dts=tick), AT + timedelta(milliseconds=40 * index + late_ms))
        for index, tick in enumerate(ticks)
    ]


def positions(packets: list[Packet]) -> list[float]:
    return [round(packet.position_seconds, 6) for packet in packets]


def test_positions_follow_the_timestamps_wherever_those_begin() -> None:
    assert positions(stamped(Timeline(), 900_000, 903_600, 907_200)) == [0.0, 0.04, 0.08]


def test_a_jump_back_costs_one_frame_and_is_marked() -> None:
    packets = stamped(Timeline(), 900_000, 903_600, 0, 3_600)
    assert positions(packets) == [0.0, 0.04, 0.08, 0.12]
    assert [packet.is_discontinuity for packet in packets] == [False, False, True, False]
    assert packets[2].pts == 0, "the camera's own timestamp is kept"


def test_a_single_stray_timestamp_hours_away_moves_nothing() -> None:
    packets = stamped(Timeline(), 0, 3_600, 3_600 * 90_000, 10_800, 14_400)
    assert positions(packets) == [0.0, 0.04, 0.08, 0.12, 0.16]


def test_a_packet_without_timestamp_takes_the_place_of_one_frame() -> None:
    assert positions(stamped(Timeline(), 0, None, 7_200)) == [0.0, 0.04, 0.08]


def test_an_outage_is_on_the_timeline() -> None:
    timeline = Timeline()
    stamped(timeline, 0, 3_600)
    timeline.resume(missed_seconds=30)
    assert positions(stamped(timeline, 0, 3_600)) == [30.08, 30.12]


def test_jitter_of_the_network_is_smoothed_out_of_the_wall_clock() -> None:
    timeline = Timeline()
    first, second = (
        stamped(timeline, 0),
        [timeline.stamp(replace(RAW, pts=3600, dts=3600), AT + timedelta(seconds=0.3))],
    )
    assert second[0].at - first[0].at == timedelta(milliseconds=40)


def test_no_picture_is_from_the_future() -> None:
    timeline = Timeline()
    stamped(timeline, 0)
    early = timeline.stamp(replace(RAW, pts=90_000, dts=90_000), AT + timedelta(seconds=0.2))
    assert early.at == AT + timedelta(seconds=0.2)


def test_a_position_can_be_asked_for_without_moving() -> None:
    timeline = Timeline()
    stamped(timeline, 0, 3_600)
    following = replace(RAW, pts=7_200, dts=7_200)
    assert timeline.position_of(following) == timeline.position_of(following) == 0.08
    assert timeline.stamp(following, AT).position_seconds == 0.08


def test_the_wall_clock_wins_where_the_camera_s_clock_drifts() -> None:
    timeline = Timeline()
    stamped(timeline, 0)
    late = timeline.stamp(replace(RAW, pts=3600, dts=3600), AT + timedelta(seconds=10))
    assert late.at == AT + timedelta(seconds=10)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | st.integers(-(2**40), 2**40), max_size=50))
def test_neither_position_nor_wall_clock_runs_backwards(ticks: list[int | None]) -> None:
    packets = stamped(Timeline(), *ticks)
    for before, after in pairwise(packets):
        assert after.position_seconds > before.position_seconds
        assert after.at >= before.at
