"""Which pictures the plate lane sees, of which motion, and when it needs no more."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.agent.capture.cameras import AT
from tests.agent.capture.films import packets_of
from tests.agent.test_reading import Observer
from tests.media.films import make_film, walk
from vigie_agent.camera_settings import PlateSettings
from vigie_agent.motion.decoder import DecodedFrame, FrameDecoder
from vigie_agent.motion.grid import Luma
from vigie_agent.motion.watch import Seen
from vigie_agent.plates.vote import VotedRead
from vigie_agent.reading import Region
from vigie_agent.showing import SETTLED_SECONDS, PlateShow, SettlingObserver
from vigie_shared.events import PlateRead
from vigie_shared.ids import unique_id

FIRST, SECOND = unique_id(AT), unique_id(AT + timedelta(seconds=2))
PICTURE = np.zeros((8, 8), np.uint8)


class Reading:
    """An observer that reads a line in each picture before `until_seconds`."""

    def __init__(self, until_seconds: float) -> None:
        self.until_seconds = until_seconds
        self.lines_read = 0

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> list[VotedRead]:
        self.lines_read += at_seconds < self.until_seconds
        return []

    def flush(self) -> list[VotedRead]:
        return []


def settled_at(observer: SettlingObserver, first: float, last: float) -> float | None:
    for at_seconds in np.arange(first, last, 0.2):
        observer.observe(float(at_seconds), PICTURE)
        if observer.is_settled:
            return float(at_seconds)
    return None


def test_it_is_settled_some_seconds_after_the_last_plate_was_read() -> None:
    assert settled_at(SettlingObserver(Reading(13.0)), 10, 30) == pytest.approx(13 + SETTLED_SECONDS, abs=0.5)


def test_where_no_plate_is_in_sight_it_is_settled_after_the_same_time() -> None:
    assert settled_at(SettlingObserver(Reading(0.0)), 10, 30) == pytest.approx(10 + SETTLED_SECONDS, abs=0.3)


def test_a_plate_that_comes_into_sight_unsettles_it() -> None:
    reading = Reading(0.0)
    observer = SettlingObserver(reading)
    assert settled_at(observer, 10, 30) is not None
    reading.until_seconds = 99
    observer.observe(20.0, PICTURE)
    assert not observer.is_settled


def test_the_next_motion_begins_unsettled() -> None:
    observer = SettlingObserver(Reading(0.0))
    assert settled_at(observer, 10, 30) is not None
    observer.flush()
    assert not observer.is_settled
    assert settled_at(observer, 100, 120) == pytest.approx(100 + SETTLED_SECONDS, abs=0.3)


def test_an_observer_that_does_not_say_what_it_reads_is_never_settled() -> None:
    assert settled_at(SettlingObserver(Observer()), 10, 60) is None


@dataclass
class Told:
    reads: list[PlateRead] = field(default_factory=list)

    def __call__(self, read: PlateRead, _jpeg: bytes) -> None:
        self.reads.append(read)


def frames(folder: Path) -> list[DecodedFrame]:
    stream, packets = packets_of(make_film(folder / "film.mp4", walk(0, 1), seconds=4))
    decoder = FrameDecoder(stream.codec)
    return [frame for packet in packets for frame in decoder.decode(packet)]


def test_pictures_decoded_late_count_for_the_motion_they_are_of(tmp_path: Path) -> None:
    told, shown = Told(), frames(tmp_path)
    show = PlateShow("gate", Observer(), PlateSettings(waiting_frames_max=64), told)
    show.start()
    show.motion_started(FIRST, 0.0)
    show.motion_ended(1.0, AT + timedelta(seconds=1))
    show.motion_started(SECOND, 2.0)
    for frame in shown:
        show.see(Seen(frame, None))
    show.motion_ended(4.0, AT + timedelta(seconds=4))
    show.caught_up()
    show.stop()
    assert [read.motion_id for read in told.reads] == [FIRST, SECOND]
