"""Timestamps never fall, whatever is shown next; the camera's time is said when it does not follow."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from vigie_agent.video.media.rtp_time import TIMESTAMPS, CameraTime, RtpTime
from vigie_agent.video.media.source import MediaFrame

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def frame(seconds: float) -> MediaFrame:
    return MediaFrame(b"", is_keyframe=True, at=NOON + timedelta(seconds=seconds), due_seconds=seconds)


def test_another_source_goes_on_as_much_later_as_it_was() -> None:
    time = RtpTime(100.0)
    time.begin(100.0)
    assert [time.timestamp(due) for due in (0, 0.04)] == [1_800, 5_400]
    time.begin(110.0)
    assert time.timestamp(0) == 900_000


def test_a_source_that_ran_ahead_is_not_overtaken() -> None:
    time = RtpTime(0.0)
    time.begin(0.0)
    ahead = time.timestamp(30)
    time.begin(1.0)
    assert time.timestamp(0) > ahead
    assert time.timestamp(-5) > ahead


def test_timestamps_begin_again_after_the_last_one() -> None:
    time = RtpTime(0.0)
    time.begin(TIMESTAMPS / 90_000)
    assert time.timestamp(0.5) == time.newest == 45_000


def test_the_cameras_time_is_said_once_and_again_after_a_jump() -> None:
    time, camera = RtpTime(0.0), CameraTime()
    said = [camera.feed(time.timestamp(due), frame(at)) for due, at in ((0, 0), (1, 1.05), (2, 2), (3, 9))]
    assert [message is not None for message in said] == [True, False, False, True]
    assert said[-1] is not None
    assert (said[-1].rtp_timestamp, said[-1].at) == (270_000, NOON + timedelta(seconds=9))
    beside = frame(9.05)
    assert camera.feed(time.timestamp(3.01), beside) is None
    assert camera.feed(time.timestamp(3.02), replace(beside, is_sought=True)) is not None, "each step counts"
    assert camera.feed(time.timestamp(3.03), replace(frame(20), is_overtaken=True)) is None, "nobody sees it"
    camera.forget()
    assert camera.feed(time.timestamp(4), frame(10)) is not None


def test_it_is_said_again_now_and_then_since_timestamps_begin_again() -> None:
    time, camera = RtpTime(0.0), CameraTime()
    said = [camera.feed(time.timestamp(due), frame(due)) is not None for due in range(31)]
    assert [due for due, was_said in enumerate(said) if was_said] == [0, 10, 20, 30]
