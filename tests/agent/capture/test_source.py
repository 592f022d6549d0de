import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from tests.agent.capture.cameras import Collector, FastClock
from tests.media.films import make_film, walk
from tests.media.rtsp import Faults, RtspServer
from vigie_agent.camera_settings import CameraSettings
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.source import CameraSource
from vigie_shared.clock import SystemClock


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2)


def settings(source: object, **more: object) -> CameraSettings:
    values = {
        "camera_id": "gate",
        "source": str(source),
        "timeout_seconds": 1,
        "reconnect_seconds_min": 0.02,
        "reconnect_seconds_max": 0.1,
    }
    return CameraSettings.model_validate(values | more)


@pytest.fixture(params=["ffmpeg", "vigie"])
def ingest(request: pytest.FixtureRequest) -> Iterator[Ingest | None]:
    """What both ways of receiving promise is asked of both."""
    if request.param == "ffmpeg":
        yield None
        return
    with Ingest(poll_seconds=0.02) as ingest:
        yield ingest


@contextmanager
def running(camera: CameraSettings, ingest: Ingest | None = None) -> Iterator[Collector]:
    collector = Collector()
    source = open_source(camera, collector, SystemClock(), ingest=ingest)
    source.start()
    try:
        yield collector
    finally:
        source.stop()


def assert_never_backwards(collector: Collector) -> None:
    for before, after in pairwise(collector.packets):
        assert after.position_seconds > before.position_seconds
        assert after.at >= before.at


def test_a_file_plays_once_in_real_time_and_ends(film: Path) -> None:
    collector, clock = Collector(), FastClock()
    CameraSource(settings(film), collector, clock, wait=clock.wait).run()
    assert len(collector.packets) == 20
    assert collector.ended
    assert not collector.losses
    assert clock.seconds == pytest.approx(1.9), "the last frame is due 1.9 s behind the first"


def test_a_looped_file_goes_on_and_on_along_one_timeline(film: Path) -> None:
    collector, clock = Collector(), FastClock()

    def wait(seconds: float) -> bool:
        clock.wait(seconds)
        return len(collector.packets) >= 65

    CameraSource(settings(film, loop=True), collector, clock, wait=wait).run()
    assert len(collector.streams) == 1, "a loop is not a new stream"
    assert_never_backwards(collector)
    assert collector.packets[60].position_seconds == pytest.approx(6.0)
    assert clock.seconds == pytest.approx(6.5, abs=0.11)


def test_a_file_that_comes_late_is_picked_up(tmp_path: Path, film: Path) -> None:
    late = tmp_path / "late.mp4"
    with running(settings(late, loop=True)) as collector:
        collector.wait_until(lambda one: bool(one.losses))
        film.rename(late)
        collector.wait_until(lambda one: len(one.packets) > 3)
    assert len(collector.losses) == 1


def test_a_camera_that_vanishes_is_told_once_and_comes_back(film: Path, ingest: Ingest | None) -> None:
    with RtspServer(film) as server, running(settings(server.url), ingest) as collector:
        collector.wait_until(lambda one: len(one.packets) > 20)
        server.stop()
        collector.wait_until(lambda one: bool(one.losses))
        before = len(collector.packets)
        server.start()
        collector.wait_until(lambda one: len(one.packets) > before + 20)
    assert len(collector.losses) == 1
    assert len(collector.streams) == 2
    assert collector.packets[before].is_keyframe
    assert_never_backwards(collector)


def test_timestamps_that_jump_back_an_hour_end_nothing(film: Path, ingest: Ingest | None) -> None:
    faults = Faults(jump_back_at=25)
    with RtspServer(film, faults=faults) as server, running(settings(server.url), ingest) as collector:
        collector.wait_until(lambda one: len(one.packets) > 50)
    assert not collector.losses
    assert_never_backwards(collector)
    assert collector.packets[50].position_seconds == pytest.approx(5.0, abs=0.3)


def test_a_silent_camera_delays_no_other(film: Path, ingest: Ingest | None) -> None:
    with (
        RtspServer(film, faults=Faults(silent_from=0)) as silent,
        RtspServer(film) as lively,
        running(settings(silent.url), ingest) as nothing,
        running(settings(lively.url), ingest) as something,
    ):
        something.wait_until(lambda one: len(one.packets) > 20)
        assert not nothing.packets
        nothing.wait_until(lambda one: bool(one.losses))


def test_a_lasting_fault_warns_once_and_recovery_is_one_line(film: Path) -> None:
    with RtspServer(film) as server:
        url = server.url
    waits = []

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) >= 5

    with structlog.testing.capture_logs() as lines:
        CameraSource(settings(url), Collector(), SystemClock(), wait=wait).run()
    assert [line["log_level"] for line in lines if line["event"] == "camera lost"] == ["warning"] + ["debug"] * 4
    assert all(0.01 <= seconds <= 0.1 for seconds in waits)


def test_passwords_reach_no_log(film: Path, ingest: Ingest | None) -> None:
    with RtspServer(film, faults=Faults(password="s3cret")) as server, structlog.testing.capture_logs() as lines:
        with running(settings(server.url.replace("//", "//admin:s3cret@")), ingest) as collector:
            collector.wait_until(lambda one: bool(one.packets))
            server.stop()
            collector.wait_until(lambda one: bool(one.losses))
        server.start()
    assert lines
    assert "s3cret" not in repr(lines)
    assert "s3cret" not in "".join(collector.losses)


def test_a_fault_in_the_consumer_does_not_blind_the_camera(film: Path) -> None:
    class Clumsy(Collector):
        failures = 0

        def on_packet(self, packet: object) -> None:
            if self.failures < 1:
                self.failures += 1
                raise RuntimeError("a fault of ours")
            super().on_packet(packet)  # type: ignore[arg-type]

    clumsy, clock = Clumsy(), FastClock()
    with structlog.testing.capture_logs() as lines:
        CameraSource(settings(film), clumsy, clock, wait=clock.wait).run()
    assert "camera failed" in [line["event"] for line in lines]
    assert len(clumsy.packets) == 20


def test_stopping_ends_the_thread_at_once_even_in_a_long_wait() -> None:
    camera = settings("/films/none.mp4", reconnect_seconds_min=600, reconnect_seconds_max=600)
    with running(camera) as collector:
        collector.wait_until(lambda one: bool(one.losses))
    assert "capture-gate" not in [thread.name for thread in threading.enumerate()]
