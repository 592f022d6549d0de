"""Two streams of one camera: motion seen on the small one, clips and plates from the large one."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.capture.cameras import AT, packet
from tests.agent.capture.films import packets_of
from tests.agent.test_camera import CLIPS, MOTION, PLATES, Kept, camera, watching
from tests.agent.test_reading import Observer
from tests.media.films import make_film, noisy, street, walk, with_figure
from tests.media.rtsp import RtspServer
from vigie_agent.camera import CameraWatch
from vigie_agent.capture.alignment import Alignment
from vigie_agent.capture.ingest import Ingest
from vigie_agent.motion.budget import DecodeBudget
from vigie_agent.motion.grid import Luma
from vigie_agent.plates.vote import VotedRead
from vigie_agent.reading import Region
from vigie_agent.substream import LedPictures
from vigie_shared.clock import SystemClock
from vigie_shared.events import MotionEnded, MotionStarted


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The large stream and the small one of the same walk."""
    folder, scene = tmp_path_factory.mktemp("films"), street(width_px=640, height_px=384)

    def large(at_seconds: float) -> object:
        walking = 8 <= at_seconds <= 11
        picture = with_figure(scene, 0.1 + 0.7 * (at_seconds - 8) / 3, 0.3) if walking else scene
        return noisy(picture, 2.0, round(at_seconds * 1000))

    return (
        make_film(folder / "large.mp4", large, seconds=20),  # type: ignore[arg-type]
        make_film(folder / "small.mp4", walk(8, 11), seconds=20),
    )


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    with Ingest(poll_seconds=0.02) as ingest:
        yield ingest


class Reader(Observer):
    """Notes how large the pictures are that it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: set[tuple[int, ...]] = set()

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> list[VotedRead]:
        self.shapes.add(luma.shape)
        return super().observe(at_seconds, luma, region)


def watch_of(main: str, sub: str, kept: Kept, ingest: Ingest, observer: Observer | None = None) -> CameraWatch:
    settings = camera(main, sub_source=sub)
    return CameraWatch(
        settings, MOTION, CLIPS, PLATES, sink=kept, clock=SystemClock(), observer=observer, ingest=ingest
    )


def test_motion_on_the_small_stream_keeps_and_shows_the_large_one(films: tuple[Path, Path], ingest: Ingest) -> None:
    kept, observer = Kept(), Reader()
    with RtspServer(films[0], speed=4) as main, RtspServer(films[1], speed=4) as sub:
        watch = watch_of(main.url, sub.url, kept, ingest, observer)
        with watching(watch):
            kept.wait_until(lambda one: bool(one.clips))
            assert watch._watching is not watch._motion, "the small stream is watched"
    clip, started = kept.clips[0], kept.of(MotionStarted)[0]
    assert (clip.width_px, clip.height_px) == (640, 384)
    assert clip.motion_id == started.motion_id
    assert clip.at <= started.at <= clip.ended_at
    assert kept.of(MotionEnded)
    assert observer.shapes == {(384, 640)}


def test_while_the_small_stream_is_away_the_large_one_is_watched(films: tuple[Path, Path], ingest: Ingest) -> None:
    kept = Kept()
    with (
        RtspServer(films[0], speed=4) as main,
        watching(watch_of(main.url, "rtsp://127.0.0.1:1/sub", kept, ingest)) as watch,
    ):
        kept.wait_until(lambda one: bool(one.clips))
        assert watch._watching is watch._motion
    assert len(kept.of(MotionStarted)) >= 1


def test_a_large_stream_that_is_lost_ends_the_motion_and_its_clip(films: tuple[Path, Path], ingest: Ingest) -> None:
    kept = Kept()
    main, sub = RtspServer(films[0], speed=4), RtspServer(films[1], speed=4)
    main.start()
    sub.start()
    with watching(watch_of(main.url, sub.url, kept, ingest)):
        kept.wait_until(lambda one: bool(one.of(MotionStarted)))
        main.stop()
        kept.wait_until(lambda one: len(one.of(MotionEnded)) == len(one.of(MotionStarted)) == len(one.clips))
    sub.stop()


def test_packets_are_placed_by_the_camera_s_clock_where_it_tells() -> None:
    alignment = Alignment()
    assert alignment.place(packet(3.0)) is None, "there is nothing to place it by"
    alignment.lead(replace(packet(100.0), camera_unix_seconds=5000.0))
    by_clock = alignment.place(replace(packet(3.0), camera_unix_seconds=4999.5, at=AT + timedelta(seconds=9)))
    assert by_clock is not None
    assert by_clock.position_seconds == pytest.approx(99.5)
    by_arrival = alignment.place(replace(packet(4.0), at=AT + timedelta(seconds=2)))
    assert by_arrival is not None
    assert by_arrival.position_seconds == pytest.approx(102.0)


def test_jitter_moves_no_packet_and_none_goes_back() -> None:
    alignment, placed = Alignment(), []
    for number in range(50):
        at = AT + timedelta(seconds=number / 10)
        alignment.lead(replace(packet(100 + number / 10), at=at))
        found = alignment.place(replace(packet(number / 10), at=at + timedelta(seconds=0.1 * (number % 4))))
        assert found is not None
        placed.append(found.position_seconds)
    assert placed == pytest.approx([100 + number / 10 for number in range(50)])
    alignment.lead(replace(packet(90.0), at=AT + timedelta(seconds=6)))
    again = alignment.place(replace(packet(5.1), at=AT + timedelta(seconds=6)))
    assert again is not None
    assert again.position_seconds > placed[-1]


def test_pictures_are_decoded_only_where_there_is_a_slot_and_need(films: tuple[Path, Path]) -> None:
    stream, packets = packets_of(films[1])
    budget = DecodeBudget(1)
    first, second = LedPictures(stream.codec, budget), LedPictures(stream.codec, budget)
    assert first.feed(packets[0]) == []
    for led in (first, second):
        led.begin(packets[:5])
    assert first.feed(packets[5])
    assert second.feed(packets[5]) == []
    assert second.is_behind
    first.settle()
    assert first.feed(packets[6]) == []
    assert second.feed(packets[6]), "the slot was given back"
    second.end()
    second.feed(packets[7])
    assert budget.take()


def test_what_waits_too_long_is_forgotten_and_counted(films: tuple[Path, Path]) -> None:
    stream, packets = packets_of(films[1])
    budget = DecodeBudget(1)
    assert budget.take()
    led = LedPictures(stream.codec, budget, bytes_max=len(packets[0].data) + 10)
    led.begin(packets[:3])
    led.feed(packets[3])
    assert led.skipped_packets >= 2
