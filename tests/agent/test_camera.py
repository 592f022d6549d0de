"""A camera from its packets to events and clips: real films, a real RTSP camera, real decoding."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import av
import pytest

from tests.agent.capture.cameras import FastClock
from tests.agent.capture.films import packets_of
from tests.agent.test_reading import Observer
from tests.media.films import make_film, walk
from tests.media.rtsp import RtspServer
from vigie_agent.camera import CameraWatch, FinishedClip
from vigie_agent.camera_settings import CameraSettings, ClipSettings, MotionSettings, PlateSettings
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_shared.clock import SystemClock
from vigie_shared.errors import CaptureError, SettingsError
from vigie_shared.events import (
    AnyEvent,
    CameraChanged,
    GapRecorded,
    MotionEnded,
    MotionStarted,
    PlateRead,
)

Kind = TypeVar("Kind")

MOTION = MotionSettings(quiet_seconds=2)
CLIPS = ClipSettings(pre_roll_seconds=3, post_roll_seconds=3, clip_seconds_max=60)
PLATES = PlateSettings(frames_per_second_max=5, waiting_frames_max=64)


class Kept:
    """Keeps what a camera hands in; can be waited for."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.reads: list[PlateRead] = []
        self.clips: list[FinishedClip] = []
        self._changed = threading.Condition()

    def record(self, event: AnyEvent) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def record_read(self, event: PlateRead, crop_jpeg: bytes) -> None:
        with self._changed:
            self.reads.append(event)
            self._changed.notify_all()

    def keep_clip(self, clip: FinishedClip) -> None:
        with self._changed:
            self.clips.append(clip)
            self._changed.notify_all()

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_until(self, condition: Callable[["Kept"], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: condition(self), 20), "it did not come to that"


def camera(source: object, **more: object) -> CameraSettings:
    values = {"camera_id": "gate", "source": str(source), "timeout_seconds": 1, "reconnect_seconds_min": 0.02}
    return CameraSettings.model_validate(values | {"reconnect_seconds_max": 0.1} | more)


def watch_of(settings: CameraSettings, kept: Kept, observer: Observer | None = None) -> CameraWatch:
    return CameraWatch(settings, MOTION, CLIPS, PLATES, sink=kept, clock=SystemClock(), observer=observer)


def played(film: Path, observer: Observer | None = None) -> Kept:
    """The whole of `film`, as fast as it decodes."""
    kept, clock = Kept(), FastClock()
    with watching(
        CameraWatch(camera(film), MOTION, CLIPS, PLATES, sink=kept, clock=clock, observer=observer, wait=clock.wait)
    ) as watch:
        assert watch.has_ended.wait(20)
    return kept


@contextmanager
def watching(watch: CameraWatch) -> Iterator[CameraWatch]:
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4", walk(8, 11), seconds=20)


def test_motion_becomes_two_events_and_a_clip_with_pre_and_post_roll(film: Path) -> None:
    kept = played(film)
    (started,) = kept.of(MotionStarted)
    (ended,) = kept.of(MotionEnded)
    (clip,) = kept.clips
    assert started.motion_id == ended.motion_id == clip.motion_id
    assert (ended.at - started.at).total_seconds() == pytest.approx(3, abs=1.1)
    assert (started.at - clip.at).total_seconds() == pytest.approx(3, abs=1.05)
    assert started.at >= clip.at
    assert (clip.ended_at - ended.at).total_seconds() == pytest.approx(3, abs=0.2)
    assert ended.peak_score >= started.score > 0


def test_a_clip_holds_the_very_packets_and_says_what_it_is(film: Path, tmp_path: Path) -> None:
    (clip,) = played(film).clips
    whole = b"".join(clip.segments)
    assert clip.bytes == len(whole)
    assert (clip.codec, clip.width_px, clip.height_px) == ("h264", 320, 192)
    path = tmp_path / "clip.mp4"
    path.write_bytes(whole)
    packets = [packet.data for packet in packets_of(path)[1]]
    source = [packet.data for packet in packets_of(film)[1]]
    first = source.index(packets[0])
    assert source[first : first + len(packets)] == packets
    with av.open(io.BytesIO(whole), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) == len(packets)


def test_plates_are_looked_for_while_something_moves_and_told_at_its_end(film: Path) -> None:
    observer = Observer()
    kept = played(film, observer)
    (read,) = kept.reads
    (started,) = kept.of(MotionStarted)
    assert read.motion_id == started.motion_id
    assert observer.seen[0] == pytest.approx(8, abs=1)
    assert len(observer.seen) >= 15
    assert (read.first_seen_at - started.at).total_seconds() == pytest.approx(0, abs=0.3)


def test_a_film_that_ends_finishes_its_open_motion_and_clip(tmp_path: Path) -> None:
    kept = played(make_film(tmp_path / "film.mp4", walk(6, 30), seconds=12))
    assert [event.kind for event in kept.events] == [
        "camera_changed",
        "motion_started",
        "motion_ended",
        "camera_changed",
    ]
    assert len(kept.clips) == 1
    last = kept.of(CameraChanged)[-1]
    assert (last.state, last.detail) == ("lost", "the film has ended")


def test_a_camera_that_vanishes_and_returns_leaves_a_gap_and_no_open_motion(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(4, 20), seconds=20)
    kept = Kept()
    with RtspServer(film) as server, watching(watch_of(camera(server.url), kept)) as watch:
        kept.wait_until(lambda one: bool(one.of(MotionStarted)))
        assert watch.health().state == "streaming"
        assert watch.health().moving
        server.stop()
        kept.wait_until(lambda one: len(one.of(CameraChanged)) == 2)
        health = watch.health()
        assert (health.state, health.moving, health.frames_per_second, health.kbps) == ("lost", False, 0, 0)
        assert len(kept.of(MotionEnded)) == len(kept.of(MotionStarted)) == len(kept.clips) == 1
        server.start()
        kept.wait_until(lambda one: len(one.of(CameraChanged)) == 3)
        assert watch.health().state == "streaming"
    assert [event.state for event in kept.of(CameraChanged)] == ["streaming", "lost", "streaming"]
    (gap,) = kept.of(GapRecorded)
    assert gap.reason == "camera_lost"
    assert gap.at <= kept.of(CameraChanged)[1].at <= gap.ended_at


def test_a_camera_that_was_never_there_is_lost_and_says_why_without_its_password() -> None:
    kept = Kept()
    with watching(watch_of(camera("rtsp://admin:s3cret@127.0.0.1:1/live"), kept)) as watch:
        kept.wait_until(lambda one: bool(one.events))
        assert watch.health().state == "lost"
    (lost,) = kept.of(CameraChanged)
    assert "refuses the connection" in lost.detail
    assert "s3cret" not in lost.detail


def test_health_says_what_the_camera_sends(film: Path) -> None:
    kept = Kept()
    watch = watch_of(camera(film, name="Gate"), kept)
    assert watch.health().state == "starting"
    stream, packets = packets_of(film)
    watch.on_stream(stream)
    for packet in packets[:60]:
        watch.on_packet(packet)
    health = watch.health()
    assert (health.name, health.state) == ("Gate", "streaming")
    assert health.frames_per_second == pytest.approx(10, abs=0.1)
    sent = sum(len(packet.data) for packet in packets[10:60])
    assert health.kbps == pytest.approx(sent * 8 / 1000 / 5, rel=0.05)


def test_a_viewer_gets_the_newest_gop_and_then_every_packet_once(film: Path) -> None:
    watch = watch_of(camera(film), Kept())
    stream, packets = packets_of(film)
    seen: list[Packet] = []

    def view(_stream: StreamInfo, packet: Packet) -> None:
        seen.append(packet)

    watch.on_stream(stream)
    for packet in packets[:25]:
        watch.on_packet(packet)
    unsubscribe = watch.outlet.subscribe(view)
    assert seen == packets[20:25]
    for packet in packets[25:40]:
        watch.on_packet(packet)
    unsubscribe()
    watch.on_packet(packets[40])
    assert seen == packets[20:40]


def test_stopping_keeps_what_was_being_recorded(tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mp4", walk(4, 30), seconds=30)
    kept = Kept()
    with RtspServer(film) as server, watching(watch_of(camera(server.url), kept, Observer())):
        kept.wait_until(lambda one: bool(one.of(MotionStarted)))
    assert len(kept.of(MotionEnded)) == len(kept.clips) == 1
    assert kept.of(CameraChanged)[-1].state == "streaming", "stopping is not losing"


def test_a_source_that_cannot_be_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="is not supported"):
        watch_of(camera("http://10.0.0.1/snapshot.jpg"), Kept())


def test_packets_that_cannot_be_muxed_become_a_gap_and_end_nothing(film: Path) -> None:
    kept = Kept()
    watch = watch_of(camera(film), kept)
    stream, packets = packets_of(film)
    watch.on_stream(replace(stream, width_px=0, height_px=0))
    for packet in packets:
        watch.on_packet(packet)
    watch.on_lost(CaptureError("gone"))
    assert kept.clips == []
    (gap,) = kept.of(GapRecorded)
    (started,) = kept.of(MotionStarted)
    assert gap.at <= started.at <= gap.ended_at
