"""A camera that comes, goes and comes back: its timeline, its waits, and what is logged."""

from datetime import UTC, datetime
from fractions import Fraction

import structlog
from structlog.testing import capture_logs

from tests.agent.capture.cameras import STREAM
from vigie_agent.capture.packets import RawPacket
from vigie_agent.capture.presence import Presence

AT = datetime(2026, 3, 1, tzinfo=UTC)


def presence() -> Presence:
    return Presence("rtsp://gate", structlog.get_logger(), 1.0, 8.0)


def raw(ticks: int) -> RawPacket:
    return RawPacket(data=b"", pts=ticks, dts=ticks, duration=40, time_base=Fraction(1, 1000), is_keyframe=True)


def test_the_time_without_the_camera_is_missing_from_its_timeline() -> None:
    camera = presence()
    camera.begin(STREAM, 100.0)
    assert camera.stamp(raw(0), AT).position_seconds == 0.0
    assert camera.stamp(raw(40), AT).position_seconds == 0.04
    assert camera.lose("no route", 101.0)
    assert camera.is_lost
    camera.begin(STREAM, 131.0)
    assert not camera.is_lost
    assert camera.position_of(raw(0)) == camera.stamp(raw(0), AT).position_seconds == 0.04 + 30 + 0.04


def test_a_film_that_plays_again_misses_nothing() -> None:
    camera = presence()
    camera.begin(STREAM, 0.0)
    camera.stamp(raw(0), AT)
    camera.play_again()
    assert camera.stamp(raw(0), AT).position_seconds == 0.04


def test_a_loss_counts_and_warns_once_and_its_end_is_told() -> None:
    camera = presence()
    camera.begin(STREAM, 0.0)
    with capture_logs() as logs:
        assert [camera.lose("no route", at) for at in (1.0, 2.0, 3.0)] == [True, False, False]
        camera.begin(STREAM, 4.0)
    assert camera.times_lost == 1
    assert [line["log_level"] for line in logs] == ["warning", "debug", "debug", "info", "info"]
    assert [line["event"] for line in logs[-2:]] == ["camera is back", "camera streams"]


def test_a_camera_that_never_came_is_lost_too() -> None:
    camera = presence()
    assert camera.stream is None
    assert camera.lose("refused", 0.0)


def test_waits_grow_until_the_camera_is_back() -> None:
    camera = presence()
    waits = [camera.next_try_seconds() for _try in range(4)]
    assert all(low <= wait <= 2 * low for low, wait in zip((0.5, 1.0, 2.0, 4.0), waits, strict=True))
    camera.begin(STREAM, 0.0)
    assert camera.next_try_seconds() <= 1.0
