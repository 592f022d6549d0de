"""Our own RTSP client against a real server that misbehaves in every way we heard of."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog

from tests.agent.capture.cameras import Collector
from tests.agent.capture.test_source import assert_never_backwards, settings
from tests.media.films import make_film, walk
from tests.media.rtsp import Faults, RtspServer, read_film
from vigie_agent.capture import nal, rtsp_source
from vigie_agent.capture.consumer import Source
from vigie_agent.capture.ingest import Ingest, open_source
from vigie_agent.capture.rtsp_source import RtspSource
from vigie_shared.clock import SystemClock


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4", walk(0, 1), seconds=2)


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    with Ingest(poll_seconds=0.02) as ingest:
        yield ingest


@contextmanager
def received(ingest: Ingest, url: str, **more: object) -> Iterator[tuple[Collector, Source]]:
    collector = Collector()
    source = open_source(settings(url, **more), collector, SystemClock(), ingest=ingest)
    assert isinstance(source, RtspSource)
    source.start()
    try:
        yield collector, source
    finally:
        source.stop()


def with_password(url: str, password: str = "s3cret") -> str:
    return url.replace("//", f"//admin:{password}@")


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_pictures_arrive_as_they_were_sent_and_describe_themselves(codec: str, tmp_path: Path, ingest: Ingest) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=2, codec=codec)
    _codec, pictures, _sets, _loop = read_film(film)
    with RtspServer(film) as server, received(ingest, server.url) as (collector, _source):
        collector.wait_until(lambda one: len(one.packets) >= 20)
    assert [nal.nal_units(one.data) for one in collector.packets[:20]] == [list(one.units) for one in pictures]
    (stream,) = collector.streams
    assert (stream.codec, stream.width_px, stream.height_px) == ("h264" if codec == "libx264" else "hevc", 320, 192)
    assert nal.parameter_sets(stream.codec, collector.packets[0].data) == stream.extradata


def test_b_frames_are_reported_and_decoding_times_rise(tmp_path: Path, ingest: Ingest) -> None:
    film = make_film(tmp_path / "film.mp4", walk(0, 1), seconds=3, b_frames=2)
    with RtspServer(film) as server, received(ingest, server.url) as (collector, source):
        collector.wait_until(lambda one: len(one.packets) > 60)
        assert source.statistics().has_b_frames
    assert_never_backwards(collector)
    settled = collector.packets[10:]
    assert not [one for one in settled if one.is_discontinuity]
    assert all(one.presented_seconds >= one.position_seconds for one in settled)


@pytest.mark.parametrize("digest", [None, "MD5", "SHA-256"])
def test_passwords_are_proved_as_the_camera_asks(digest: str | None, film: Path, ingest: Ingest) -> None:
    faults = Faults(password="s3cret", digest=digest)  # type: ignore[arg-type]
    with RtspServer(film, faults=faults) as server:
        with received(ingest, with_password(server.url)) as (collector, _source):
            collector.wait_until(lambda one: bool(one.packets))
        with received(ingest, with_password(server.url, "wrong")) as (collector, _source):
            collector.wait_until(lambda one: bool(one.losses))
    assert "refuses the log-in" in collector.losses[0]


def test_a_camera_that_moved_is_followed(film: Path, ingest: Ingest) -> None:
    with RtspServer(film, faults=Faults(moved=True)) as server, received(ingest, server.url) as (collector, _source):
        collector.wait_until(lambda one: bool(one.packets))
    assert not collector.losses


def test_small_units_sent_together_are_taken_apart(film: Path, ingest: Ingest) -> None:
    faults = Faults(aggregates=True)
    with RtspServer(film, faults=faults) as server, received(ingest, server.url) as (collector, _source):
        collector.wait_until(lambda one: len(one.packets) > 20)
    assert not collector.losses


def test_a_lost_packet_costs_no_more_than_its_gop(film: Path, ingest: Ingest) -> None:
    faults = Faults(loses_at=13)
    with RtspServer(film, faults=faults) as server, received(ingest, server.url) as (collector, source):
        collector.wait_until(lambda one: len(one.packets) > 30)
        statistics = source.statistics()
    assert (statistics.lost_packets, statistics.lost_pictures) == (1, 7)
    assert [one.is_keyframe for one in collector.packets[10:16]] == [True, False, False, True, False, False]
    assert collector.packets[13].position_seconds == pytest.approx(2.0), "time went on meanwhile"
    assert not collector.losses


def test_each_picture_says_what_the_camera_s_clock_said(film: Path, ingest: Ingest) -> None:
    faults = Faults(clock_ahead_seconds=3600)
    with RtspServer(film, speed=1, faults=faults) as server, received(ingest, server.url) as (collector, _source):
        collector.wait_until(lambda one: len(one.packets) > 5)
    for one in collector.packets[1:]:
        assert one.camera_offset_seconds == pytest.approx(3600, abs=1.0)
        assert one.clock_source == "system"


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (Faults(babbles=True), "RTSP: a head without end"),
        (Faults(drips=True), "sent nothing in time"),
        (Faults(silent_from=0), "sent nothing in time"),
        (Faults(raves_at=7), "RTSP: neither a packet nor a message"),
        (Faults(hangs_up_at=7), "the camera ended the stream"),
    ],
)
def test_a_camera_that_misbehaves_is_lost_and_delays_no_other(
    faults: Faults, reason: str, film: Path, ingest: Ingest
) -> None:
    with (
        RtspServer(film, faults=faults) as bad,
        RtspServer(film) as good,
        received(ingest, bad.url) as (lost, _bad),
        received(ingest, good.url) as (collector, _good),
    ):
        lost.wait_until(lambda one: bool(one.losses))
        before = len(collector.packets)
        collector.wait_until(lambda one: len(one.packets) > before + 20)
    assert reason in lost.losses[0]
    assert not collector.losses


def test_a_stream_that_never_gives_a_picture_is_lost(
    film: Path, ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rtsp_source, "UNDECODABLE_SECONDS_MAX", 0.3)
    film_of_one_gop = Faults(loses_at=0)
    with RtspServer(film, speed=0.5, faults=film_of_one_gop) as server, received(ingest, server.url) as (lost, _source):
        lost.wait_until(lambda one: bool(one.losses))
    assert "holds no picture that can be decoded" in lost.losses[0]


def test_what_our_client_does_not_know_is_left_to_ffmpeg_and_said_once(film: Path, ingest: Ingest) -> None:
    with structlog.testing.capture_logs() as lines:
        with (
            RtspServer(film, faults=Faults(refuses_tcp=True)) as server,
            received(ingest, server.url) as (collector, source),
        ):
            collector.wait_until(lambda one: bool(one.losses or one.packets))
            assert source.statistics().path == "ffmpeg"
        assert [line["event"] for line in lines].count("camera is left to FFmpeg") == 1


def test_a_name_without_address_is_said_so_and_delays_nobody(film: Path, ingest: Ingest) -> None:
    with received(ingest, "rtsp://no-such-camera.invalid/live") as (lost, _source):
        lost.wait_until(lambda one: bool(one.losses))
    assert "has no address: check the name" in lost.losses[0]


def test_dead_cameras_are_tried_with_growing_waits_and_keep_nothing(ingest: Ingest) -> None:
    with received(ingest, "rtsp://127.0.0.1:1/live", reconnect_seconds_max=0.05) as (lost, source):
        lost.wait_until(lambda one: bool(one.losses))
        until = time.monotonic() + 0.2
        while time.monotonic() < until:
            assert len(ingest.receiver.selector.get_map()) <= 2
        assert source.statistics().losses == 1
    assert len(lost.losses) == 1


def test_a_hundred_cameras_need_no_more_threads_than_one(film: Path, ingest: Ingest) -> None:
    before = threading.active_count()
    with RtspServer(film) as server:
        sources = [open_source(settings(server.url), Collector(), SystemClock(), ingest=ingest) for _one in range(100)]
        assert threading.active_count() <= before + 1
    assert all(isinstance(source, RtspSource) for source in sources)


def test_transport_udp_and_tls_are_ffmpeg_s(ingest: Ingest) -> None:
    for camera in (settings("rtsp://10.0.0.1/live", transport="udp"), settings("rtsps://10.0.0.1/live")):
        assert not isinstance(open_source(camera, Collector(), SystemClock(), ingest=ingest), RtspSource)
