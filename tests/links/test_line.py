"""The model itself, in simulated time: exact."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.links.line import Conditions, Line

SLOW = Conditions(rate_bits=80_000, delay_seconds=0.05, queue_bytes=3_000)
"""A packet of 1,000 bytes takes 0.1 s."""


def packets(count: int, size: int = 1000) -> list[bytes]:
    return [number.to_bytes(4, "big").ljust(size, b"\0") for number in range(count)]


def arrivals(line: Line, until_seconds: float = 1e6) -> list[tuple[int, float]]:
    came = []
    while (at := line.next_at()) is not None and at <= until_seconds:
        came += [(int.from_bytes(packet[:4], "big"), round(at, 6)) for packet in line.due(at)]
    return came


def flow(conditions: Conditions, count: int, seed: int) -> list[int]:
    """Which of `count` packets arrive that are sent slower than the rate."""
    line, came = Line(conditions, seed), []
    for number, packet in enumerate(packets(count)):
        line.feed(packet, number * 0.2)
        came += arrivals(line)
    return [number for number, _at in came]


def test_a_packet_arrives_after_its_time_on_the_line_and_the_delay() -> None:
    line = Line(SLOW, seed=1)
    for packet in packets(3):
        line.feed(packet, 10.0)
    assert arrivals(line) == [(0, 10.15), (1, 10.25), (2, 10.35)]


def test_a_late_caller_changes_no_times_on_the_line() -> None:
    line = Line(SLOW, seed=1)
    for packet in packets(2):
        line.feed(packet, 10.0)
    assert len(line.due(11.0)) == 2
    line.feed(packets(1)[0], 11.0)
    assert arrivals(line) == [(0, 11.15)]


def test_what_finds_the_queue_full_is_dropped() -> None:
    line = Line(SLOW, seed=1)
    for packet in packets(6):
        line.feed(packet, 10.0)
    assert [number for number, _at in arrivals(line)] == [0, 1, 2, 3]  # one on the line, three in the queue
    assert (line.count.dropped_packets, line.count.queue_bytes_max) == (2, 3000)


def test_an_idle_line_takes_a_packet_that_is_larger_than_its_queue() -> None:
    line = Line(replace(SLOW, queue_bytes=100), seed=1)
    line.feed(packets(1)[0], 10.0)
    assert arrivals(line) == [(0, 10.15)]


def test_one_seed_loses_the_same_packets_and_another_others() -> None:
    lossy = replace(SLOW, loss=0.1)
    assert flow(lossy, 300, seed=1) == flow(lossy, 300, seed=1) != flow(lossy, 300, seed=2)


@pytest.mark.parametrize("burst_packets", [None, 1.5, 4.0])
def test_the_share_lost_is_the_one_asked_for(burst_packets: float | None) -> None:
    came = flow(replace(SLOW, loss=0.05, burst_packets=burst_packets), 20_000, seed=3)
    assert 1 - len(came) / 20_000 == pytest.approx(0.05, abs=0.01)


def test_bursts_are_as_long_as_asked_for() -> None:
    came = flow(replace(SLOW, loss=0.05, burst_packets=4.0), 20_000, seed=3)
    gaps = [later - earlier - 1 for earlier, later in pairwise(came) if later > earlier + 1]
    assert sum(gaps) / len(gaps) == pytest.approx(4.0, rel=0.15)


def test_what_is_lost_takes_its_time_on_the_line() -> None:
    line = Line(replace(SLOW, loss=1.0), seed=1)
    line.feed(packets(1)[0], 10.0)
    assert line.due(10.0) == []
    line.conditions = SLOW
    line.feed(packets(1)[0], 10.0)
    assert arrivals(line) == [(0, 10.25)]


def test_a_change_holds_for_what_still_waits_and_keeps_the_order() -> None:
    line = Line(SLOW, seed=1)
    for packet in packets(3):
        line.feed(packet, 10.0)
    line.conditions = replace(SLOW, rate_bits=800_000, delay_seconds=0.0)
    assert arrivals(line) == [(0, 10.15), (1, 10.15), (2, 10.15)]
