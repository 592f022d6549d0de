"""What a stream takes is counted as it passes."""

import threading

import pytest

from tests.agent.capture.cameras import STREAM, packet
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet
from vigie_agent.capture.ring import GopRing
from vigie_agent.video.ladder.meter import StreamMeter


def gop(begin: float, size: int) -> list[Packet]:
    """A second of ten pictures, of which the first is a keyframe ten times as large."""
    key = packet(begin, keyframe=True, size=10 * size)
    return [key, *(packet(begin + number / 10, size=size) for number in range(1, 10))]


def test_whole_groups_of_pictures_are_averaged_and_the_largest_keyframe_kept() -> None:
    outlet = Outlet(GopRing(4, 10_000_000).newest_gop, threading.RLock())
    outlet.begin(STREAM)
    meter = StreamMeter(outlet)
    assert meter.taken is None
    for second in range(12):
        for one in gop(second, 1000):
            outlet.feed(one)
    assert meter.taken is not None
    assert meter.taken.bits_per_second == pytest.approx(8 * 19_000, rel=0.01)
    assert meter.taken.keyframe_bits == 80_000
    assert meter.taken.keyframe_seconds == pytest.approx(1.0)
    for second in range(12, 30):
        for one in gop(second, 2000):
            outlet.feed(one)
    assert meter.taken.bits_per_second == pytest.approx(8 * 38_000, rel=0.05), "it follows"
    meter.close()
    assert outlet._listeners == ()


def test_what_is_in_the_ring_gives_a_first_idea() -> None:
    ring = GopRing(4, 10_000_000)
    outlet = Outlet(ring.newest_gop, threading.RLock())
    outlet.begin(STREAM)
    for one in gop(0, 1000):
        ring.append(one)
        outlet.feed(one)
    meter = StreamMeter(outlet)
    assert meter.taken is not None
    assert meter.taken.bits_per_second == pytest.approx(8 * 19_000, rel=0.1)
