"""Whoever takes a stream begins at its newest keyframe, misses nothing, and is told of B-frames."""

import threading
from dataclasses import replace

from tests.agent.capture.cameras import STREAM, packet
from vigie_agent.capture.outlet import Outlet
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.ring import GopRing


class Camera:
    """A ring and its outlet."""

    def __init__(self) -> None:
        self.ring = GopRing(10, 1_000_000)
        self.outlet = Outlet(self.ring.newest_gop, threading.RLock())
        self.outlet.begin(STREAM)

    def take(self, *packets: Packet) -> None:
        for each in packets:
            self.ring.append(each)
            self.outlet.feed(each)


def test_a_listener_gets_the_newest_gop_and_all_that_follows() -> None:
    camera, heard = Camera(), list[float]()
    camera.take(packet(0, keyframe=True), packet(1), packet(2, keyframe=True), packet(3))
    unsubscribe = camera.outlet.subscribe(lambda stream, packet: heard.append(packet.position_seconds))
    camera.take(packet(4))
    unsubscribe()
    camera.take(packet(5))
    assert heard == [2, 3, 4]


def test_a_listener_may_leave_while_it_is_told() -> None:
    camera, heard = Camera(), list[float]()

    def once(_stream: StreamInfo, packet: Packet) -> None:
        heard.append(packet.position_seconds)
        leave()

    leave = camera.outlet.subscribe(once)
    camera.take(packet(0, keyframe=True), packet(1))
    assert heard == [0]


def test_a_lost_stream_gives_nothing() -> None:
    camera, heard = Camera(), list[float]()
    camera.take(packet(0, keyframe=True))
    camera.outlet.end()
    camera.outlet.subscribe(lambda stream, packet: heard.append(packet.position_seconds))
    camera.take(packet(1))
    assert heard == []


def test_b_frames_are_told_from_a_constant_delay() -> None:
    camera = Camera()
    delayed = [replace(packet(at, keyframe=at == 0), pts=at * 1000 + 80) for at in range(4)]
    camera.take(*delayed)
    assert not camera.outlet.has_b_frames
    camera.take(replace(packet(4), pts=7000), replace(packet(5), pts=5000))
    assert camera.outlet.has_b_frames
    camera.outlet.begin(STREAM)
    assert not camera.outlet.has_b_frames
