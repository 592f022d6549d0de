from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent.capture.cameras import packet
from vigie_agent.capture.ring import GopRing


def fed(ring: GopRing, seconds: float, gop: int = 10, size: int = 100) -> GopRing:
    """Ten packets a second, a keyframe every `gop`."""
    for index in range(round(seconds * 10)):
        ring.append(packet(index / 10, keyframe=index % gop == 0, size=size))
    return ring


def test_packets_begin_at_the_keyframe_at_or_before_the_time_asked_for() -> None:
    ring = fed(GopRing(10, 10**6), 8)
    for asked, begins in [(3.0, 3.0), (3.9, 3.0), (4.0, 4.0)]:
        packets = ring.since(asked)
        assert packets[0].is_keyframe
        assert packets[0].position_seconds == begins
        assert packets[-1].position_seconds == 7.9


def test_a_time_before_all_gives_all() -> None:
    assert fed(GopRing(5, 10**6), 8).since(-100)[0].position_seconds == 2.0


def test_the_newest_gop_is_what_a_viewer_starts_with() -> None:
    assert [one.position_seconds for one in fed(GopRing(5, 10**6), 3.2).newest_gop()] == [3.0, 3.1]


def test_packets_before_the_first_keyframe_are_of_no_use() -> None:
    ring = GopRing(5, 10**6)
    ring.append(packet(0))
    assert ring.since(0) == []
    assert ring.size_bytes == 0


def test_a_gop_too_large_for_memory_is_dropped_whole_and_counted() -> None:
    ring = GopRing(5, 1000)
    ring.append(packet(0, keyframe=True, size=600))
    ring.append(packet(0.1, size=600))
    ring.append(packet(0.2, size=10))
    assert ring.since(0) == []
    assert ring.dropped_bytes == 1200
    ring.append(packet(1, keyframe=True))
    assert len(ring.since(0)) == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 400)), max_size=300))
def test_bounds_hold_and_what_is_held_decodes(shape: list[tuple[bool, int]]) -> None:
    ring = GopRing(3, 2000)
    for index, (keyframe, size) in enumerate(shape):
        ring.append(packet(index / 10, keyframe=keyframe, size=size))
        held = ring.since(-1)
        assert ring.size_bytes == sum(len(one.data) for one in held) <= 2000
        assert not held or held[0].is_keyframe
        second = next((one for one in held[1:] if one.is_keyframe), None)
        assert second is None or second.position_seconds > index / 10 - 3
