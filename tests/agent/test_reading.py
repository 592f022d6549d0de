import threading
from dataclasses import replace
from datetime import timedelta

import av
import numpy as np
import pytest
import structlog

from tests.agent.capture.cameras import AT
from vigie_agent.camera_settings import PlateSettings
from vigie_agent.motion.decoder import DecodedFrame
from vigie_agent.motion.grid import Luma
from vigie_agent.plates.vote import VotedRead
from vigie_agent.reading import PlateLane, Region, plate_read
from vigie_shared.events import PlateRead
from vigie_shared.ids import unique_id

MOTION = unique_id(AT)


def voted(text: str, first: float, last: float) -> VotedRead:
    return VotedRead(
        text=text,
        kind="civil",
        confidence=0.9,
        char_confidences=(0.9,) * len(text),
        alternatives=((text[::-1], 0.05),),
        uncertain=False,
        crop_jpeg=b"jpeg",
        frame_count=3,
        first_seen_at=first,
        last_seen_at=last,
        direction="approaching",
        box=(0.1, 0.2, 0.3, 0.4),
    )


def frame(position_seconds: float, brightness: int = 0) -> DecodedFrame:
    picture = av.VideoFrame.from_ndarray(np.full((32, 32), brightness, np.uint8), format="gray")
    return DecodedFrame(position_seconds, AT + timedelta(seconds=position_seconds), picture)


class Observer:
    """Tells a plate for each motion: what it saw first and last; may be held up or fail."""

    def __init__(self) -> None:
        self.seen: list[float] = []
        self.brightness: list[int] = []
        self.regions: list[Region | None] = []
        self.untold: list[float] = []
        self.may_look = threading.Event()
        self.may_look.set()
        self.is_looking = threading.Event()
        self.fails = 0

    def observe(self, at_seconds: float, luma: Luma, region: Region | None = None) -> list[VotedRead]:
        self.is_looking.set()
        assert self.may_look.wait(10)
        if self.fails:
            self.fails -= 1
            raise RuntimeError("a broken picture")
        self.seen.append(at_seconds)
        self.brightness.append(int(luma[0, 0]))
        self.regions.append(region)
        self.untold.append(at_seconds)
        return []

    def flush(self) -> list[VotedRead]:
        reads = [voted("1234|A|6", self.untold[0], self.untold[-1])] if self.untold else []
        self.untold = []
        return reads


class Lane:
    """A running lane and what it delivered."""

    def __init__(self, observer: Observer, **settings: float) -> None:
        self.reads: list[tuple[PlateRead, bytes]] = []
        values = {"frames_per_second_max": 10.0, "waiting_frames_max": 2} | settings
        self.lane = PlateLane(
            "gate", observer, PlateSettings.model_validate(values), lambda *read: self.reads.append(read)
        )

    def __enter__(self) -> "Lane":
        self.lane.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.lane.stop()


def test_reads_carry_the_motion_in_which_they_were_seen() -> None:
    with Lane(Observer()) as running:
        for motion_id, start in (("0" * 22, 10.0), ("1" * 22, 20.0)):
            running.lane.offer(motion_id, frame(start))
            running.lane.motion_ended(motion_id, start + 1, AT + timedelta(seconds=start + 1))
    assert [read.motion_id for read, _crop in running.reads] == ["0" * 22, "1" * 22]
    assert [read.first_seen_at for read, _crop in running.reads] == [AT + timedelta(seconds=at) for at in (10, 20)]
    assert running.reads[0][1] == b"jpeg"


def test_the_observer_hears_where_something_moves_in_each_frame() -> None:
    observer = Observer()
    with Lane(observer) as running:
        running.lane.offer("0" * 22, frame(1.0), (0.1, 0.2, 0.3, 0.4))
        running.lane.offer("0" * 22, frame(2.0))
    assert observer.regions == [(0.1, 0.2, 0.3, 0.4), None]


def test_what_is_still_waiting_is_read_when_the_lane_stops() -> None:
    observer = Observer()
    with Lane(observer) as running:
        running.lane.offer("0" * 22, frame(1.0))
    assert observer.seen == [1.0]
    assert len(running.reads) == 1, "the stay is told although its motion never ended"


def test_behind_it_drops_the_oldest_frame_never_the_end_and_never_waits() -> None:
    observer = Observer()
    observer.may_look.clear()
    with Lane(observer) as running:
        running.lane.offer("0" * 22, frame(1.0))
        assert observer.is_looking.wait(10)
        for index in range(2, 7):
            running.lane.offer("0" * 22, frame(float(index)))
        running.lane.motion_ended("0" * 22, 7, AT + timedelta(seconds=7))
        observer.may_look.set()
    assert observer.seen == [1.0, 5.0, 6.0]
    assert running.lane.dropped_frames == 3
    assert [read.last_seen_at for read, _crop in running.reads] == [AT + timedelta(seconds=6)]


def test_it_says_how_much_room_it_has() -> None:
    observer = Observer()
    observer.may_look.clear()
    with Lane(observer, waiting_frames_max=3) as running:
        assert running.lane.room() == 3
        running.lane.offer("0" * 22, frame(1.0))
        assert observer.is_looking.wait(10)
        rooms = []
        for index in range(2, 7):
            running.lane.offer("0" * 22, frame(float(index)))
            rooms.append(running.lane.room())
        assert rooms == [2, 1, 0, 0, 0]
        observer.may_look.set()


def test_frames_that_are_left_out_are_said_once_and_so_is_the_end_of_it() -> None:
    observer = Observer()
    with structlog.testing.capture_logs() as lines, Lane(observer, waiting_frames_max=2) as running:
        for motion in range(4):
            observer.is_looking.clear()
            observer.may_look.clear()
            running.lane.offer("0" * 22, frame(10.0 * motion))
            assert observer.is_looking.wait(10)
            for index in range(1, 6 if motion < 2 else 3):
                running.lane.offer("0" * 22, frame(10.0 * motion + index))
            observer.may_look.set()
            told = len(running.reads)
            running.lane.motion_ended("0" * 22, 10.0 * motion + 9, AT)
            while len(running.reads) == told:
                threading.Event().wait(0.001)
    assert [(line["log_level"], line.get("dropped_frames")) for line in lines] == [
        ("warning", 3),
        ("debug", 3),
        ("info", None),
    ]


def test_it_looks_no_more_often_than_it_may() -> None:
    observer = Observer()
    with Lane(observer, frames_per_second_max=5.0, waiting_frames_max=64) as running:
        for index in range(50):
            running.lane.offer("0" * 22, frame(index / 25))
    assert len(observer.seen) == pytest.approx(10, abs=1)


def test_frames_are_copied_so_that_the_decoder_may_reuse_them() -> None:
    observer = Observer()
    observer.may_look.clear()
    with Lane(observer) as running:
        offered = frame(1.0, brightness=77)
        running.lane.offer("0" * 22, offered)
        plane = np.frombuffer(offered.frame.planes[0], np.uint8)  # type: ignore[call-overload]
        plane[:] = 0
        observer.may_look.set()
    assert observer.brightness == [77]


def test_a_picture_that_cannot_be_read_does_not_end_all_reading() -> None:
    observer = Observer()
    observer.fails = 2
    with structlog.testing.capture_logs() as lines, Lane(observer, waiting_frames_max=64) as running:
        for index in range(4):
            running.lane.offer("0" * 22, frame(float(index)))
    assert observer.seen == [2.0, 3.0]
    assert [line["event"] for line in lines] == ["plates cannot be read"], "said once"


def test_overconfident_models_and_long_texts_still_make_valid_events() -> None:
    doubtful = replace(voted("X" * 8, 1, 2), uncertain=True)
    read = replace(doubtful, confidence=1.0000001, char_confidences=(1.1,) * 40, box=(-0.01, 0, 1.01, 1))
    event = plate_read("gate", "0" * 22, read, 2.0, AT)
    assert event.confidence == 1.0
    assert len(event.char_confidences) == 32
    assert event.box == (0, 0, 1, 1)
    assert event.first_seen_at == AT - timedelta(seconds=1)


def test_an_event_says_no_more_than_is_worth_its_bytes() -> None:
    sure = replace(voted("12345|A|6", 0.4567891, 1.9999999), confidence=0.98765432, box=(1 / 3, 0.2, 0.5, 0.6))
    event = plate_read("gate", MOTION, sure, 2.0, AT + timedelta(microseconds=417))
    assert (event.confidence, event.box[0]) == (0.988, 0.333)
    assert event.at.microsecond % 1000 == event.first_seen_at.microsecond % 1000 == 0
    assert (event.char_confidences, event.alternatives) == ((), ())
    assert len(plate_read("gate", MOTION, replace(sure, uncertain=True), 2.0, AT).alternatives) == 1


def test_reads_of_one_motion_have_ids_of_their_own_that_follow_from_it() -> None:
    one, same, other = (
        plate_read("gate", MOTION, voted(text, 1, 2), 2.0, AT).read_id for text in ("1|A|6", "1|A|6", "2|A|6")
    )
    assert one == same != other
    assert one != plate_read("gate", "f" * 22, voted("1|A|6", 1, 2), 2.0, AT).read_id
