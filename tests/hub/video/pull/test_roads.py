"""The faster road is taken; one that fails is left alone for a while; what is old is looked at again."""

import pytest

from vigie_hub.video.pull.roads import FAILED_SECONDS, PROBE_BYTES_MAX, PROBE_SECONDS, Road, Roads

CLIP_BYTES = PROBE_BYTES_MAX + 1


@pytest.fixture
def roads() -> Roads:
    return Roads()


def test_tcp_is_tried_first(roads: Roads) -> None:
    assert roads.choose("gate", CLIP_BYTES, 0.0) == "tcp"


@pytest.mark.parametrize(("tcp", "channel", "best"), [(2e6, 1e6, "tcp"), (1e6, 2e6, "channel")])
def test_the_faster_road_is_taken(roads: Roads, tcp: float, channel: float, best: Road) -> None:
    roads.arrived("gate", "tcp", int(tcp), 1.0, 0.0)
    roads.arrived("gate", "channel", int(channel), 1.0, 0.0)
    assert roads.choose("gate", CLIP_BYTES, 1.0) == best
    assert roads.choose("another", CLIP_BYTES, 1.0) == "tcp", "each agent has its own"


def test_new_measurements_outweigh_old_ones(roads: Roads) -> None:
    roads.arrived("gate", "channel", 1_000_000, 1.0, 0.0)
    roads.arrived("gate", "tcp", 9_000_000, 1.0, 0.0)
    for _number in range(6):
        roads.arrived("gate", "tcp", 300_000, 1.0, 0.0)
    assert roads.choose("gate", CLIP_BYTES, 1.0) == "channel"


def test_a_few_bytes_say_nothing_of_a_rate(roads: Roads) -> None:
    roads.arrived("gate", "tcp", 1000, 0.001, 0.0)
    assert roads.bytes_per_second("gate", "tcp") is None


def test_a_road_that_fails_is_left_alone_longer_each_time(roads: Roads) -> None:
    at, waits = 0.0, []
    for _number in range(12):
        roads.failed("gate", "tcp", at)
        assert roads.choose("gate", CLIP_BYTES, at) == "channel"
        wait = next(step for step in range(1, 4000) if roads.choose("gate", CLIP_BYTES, at + step) == "tcp")
        waits.append(wait)
        at += wait
    assert waits[0] == FAILED_SECONDS[0]
    assert waits[-1] == FAILED_SECONDS[1]
    assert waits == sorted(waits)


def test_where_both_fail_the_one_is_taken_that_comes_back_first(roads: Roads) -> None:
    roads.failed("gate", "channel", 0.0)
    roads.failed("gate", "tcp", 10.0)
    assert roads.choose("gate", CLIP_BYTES, 11.0) == "channel"


def test_the_other_road_is_tried_now_and_then_with_a_small_clip(roads: Roads) -> None:
    roads.arrived("gate", "tcp", 2_000_000, 1.0, PROBE_SECONDS)
    assert roads.choose("gate", CLIP_BYTES, PROBE_SECONDS + 1) == "tcp"
    assert roads.choose("gate", 1000, PROBE_SECONDS + 1) == "channel"
    roads.arrived("gate", "channel", 1_000_000, 1.0, PROBE_SECONDS + 2)
    assert roads.choose("gate", 1000, PROBE_SECONDS + 3) == "tcp"


@pytest.mark.parametrize("setting", ["tcp", "channel"])
def test_a_road_that_is_set_is_taken_whatever_is_known(setting: Road) -> None:
    roads = Roads(setting)
    roads.failed("gate", setting, 0.0)
    assert roads.choose("gate", CLIP_BYTES, 1.0) == setting
