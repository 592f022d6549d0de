"""One stay, one read: whatever the frames say, and however long it lasts."""

from dataclasses import replace

import numpy as np
import pytest

from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.detector import Box, Detection
from vigie_agent.plates.vote import PlateRead, PlateVoter, VotedRead, VoteSettings
from vigie_shared.plates import parse

STEP_SECONDS = 0.125
HERE: Box = (100, 100, 200, 122)
THERE: Box = (500, 100, 600, 122)


def seen(text: str | None, box: Box = HERE, confidence: float = 0.97, crop: bytes = b"") -> PlateRead:
    left, top, right, bottom = box
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], dtype=np.float32)
    reading = None
    if text is not None:
        plate = parse(text)
        assert plate is not None
        reading = Reading(plate, confidence, (confidence,) * len(plate.glyphs), ())
    return PlateRead(Detection(box, corners, 0.9), reading, lambda: crop)


def played(voter: PlateVoter, frames: list[list[PlateRead]], start: float = 0.0) -> list[VotedRead]:
    told = []
    for number, reads in enumerate(frames):
        told += voter.feed(start + number * STEP_SECONDS, reads)
    return told


def test_passing_vehicle_is_told_once_when_it_is_gone() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6")]] * 6)
    assert told == []
    told = played(voter, [[]] * 14, start=6 * STEP_SECONDS)
    assert [read.text for read in told] == ["12345|أ|6"]
    assert told[0].frame_count == 6
    assert (told[0].first_seen_at, told[0].last_seen_at) == (0.0, 5 * STEP_SECONDS)
    assert not told[0].uncertain


def test_parked_vehicle_is_told_once_and_before_it_leaves() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6")]] * 400)
    assert [read.text for read in told] == ["12345|أ|6"]
    assert told[0].last_seen_at <= VoteSettings().patience_seconds + STEP_SECONDS
    assert voter.flush() == []


def test_two_vehicles_at_once_are_two_reads() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6"), seen("77|ب|40", THERE)]] * 5)
    told += voter.flush()
    assert sorted(read.text for read in told) == ["12345|أ|6", "77|ب|40"]


def test_majority_wins_over_a_single_other_read() -> None:
    voter = PlateVoter()
    frames = [[seen("12345|أ|6")], [seen("12346|أ|6", confidence=0.6)], [seen("12345|أ|6")], [seen("12345|أ|6")]]
    told = played(voter, frames) + voter.flush()
    assert [read.text for read in told] == ["12345|أ|6"]
    assert told[0].alternatives[0][0] == "12346|أ|6"


def test_a_stay_that_disagrees_with_itself_is_uncertain() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6")], [seen("12346|أ|6")]] * 3) + voter.flush()
    assert len(told) == 1
    assert told[0].uncertain


def test_a_clock_set_back_ends_every_stay_and_begins_anew() -> None:
    voter = PlateVoter()
    assert played(voter, [[seen("12345|أ|6")]] * 5, start=50.0) == []
    told = played(voter, [[seen("12345|أ|6")]] * 5, start=0.0) + voter.flush()
    assert [read.first_seen_at for read in told] == [50.0, 0.0]


def test_reads_that_say_next_to_nothing_are_not_told() -> None:
    voter = PlateVoter()
    assert played(voter, [[seen("12345|أ|6", confidence=0.1)]] * 5) + voter.flush() == []


def test_a_wait_ends_when_the_reads_agree() -> None:
    voter = PlateVoter()
    unclear = [[seen("12345|أ|6", confidence=0.5)]] * 24
    assert played(voter, unclear) == []
    told = played(voter, [[seen("12345|أ|6")]], start=24 * STEP_SECONDS)
    assert [read.uncertain for read in told] == [False]


def test_weak_reads_stay_uncertain() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6", confidence=0.4)]] * 5) + voter.flush()
    assert told[0].uncertain


def test_flicker_of_one_frame_is_nothing() -> None:
    voter = PlateVoter()
    assert played(voter, [[seen("12345|أ|6")], *[[]] * 12]) + voter.flush() == []


def test_plate_that_is_never_read_is_nothing() -> None:
    voter = PlateVoter()
    assert played(voter, [[seen(None)]] * 20) + voter.flush() == []


def test_short_gap_does_not_tell_a_stay_twice() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6")]] * 5)
    told += played(voter, [[]] * 16, start=5 * STEP_SECONDS)
    told += played(voter, [[seen("12345|أ|6")]] * 5, start=21 * STEP_SECONDS)
    told += voter.flush()
    assert len(told) == 1


def test_vehicle_that_comes_back_later_is_told_again() -> None:
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6")]] * 5) + played(voter, [[]] * 16, start=1.0)
    told += played(voter, [[seen("12345|أ|6", THERE)]] * 5, start=60.0) + voter.flush()
    assert len(told) == 2


@pytest.mark.parametrize(
    ("first", "last", "direction"),
    [
        ((100, 100, 150, 111), (100, 300, 220, 326), "approaching"),
        ((100, 300, 220, 326), (100, 100, 150, 111), "receding"),
        ((100, 100, 200, 122), (420, 100, 520, 122), "right"),
        ((420, 100, 520, 122), (100, 100, 200, 122), "left"),
        ((100, 100, 200, 122), (104, 101, 204, 123), "still"),
    ],
)
def test_direction_follows_the_box(first: Box, last: Box, direction: str) -> None:
    boxes = [tuple(a + (b - a) * share / 11 for a, b in zip(first, last, strict=True)) for share in range(12)]
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6", (box[0], box[1], box[2], box[3]))] for box in boxes]) + voter.flush()
    assert [read.direction for read in told] == [direction]


def test_fast_plate_is_followed_by_its_velocity() -> None:
    boxes: list[Box] = [(60.0 * step, 100, 60.0 * step + 80, 118) for step in range(12)]
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6", box)] for box in boxes]) + voter.flush()
    assert [(read.text, read.frame_count) for read in told] == [("12345|أ|6", 12)]


def test_plate_that_jumps_is_followed_by_what_it_says() -> None:
    boxes: list[Box] = [(20, 100, 80, 113), (400, 180, 520, 206), (40, 300, 170, 330)]
    voter = PlateVoter()
    told = played(voter, [[seen("12345|أ|6", box)] for box in boxes]) + voter.flush()
    assert [(read.text, read.frame_count) for read in told] == [("12345|أ|6", 3)]


def test_crop_of_the_best_read_is_kept() -> None:
    voter = PlateVoter()
    frames = [
        [seen("12345|أ|6", confidence=0.6, crop=b"poor")],
        [seen("12345|أ|6", confidence=0.99, crop=b"good")],
        [seen("12345|أ|6", confidence=0.7, crop=b"worse")],
    ]
    told = played(voter, frames) + voter.flush()
    assert told[0].crop_jpeg == b"good"


def test_a_crowd_of_false_plates_is_bounded() -> None:
    voter = PlateVoter(VoteSettings(tracks_max=4))
    crowd = [seen("12345|أ|6", (100.0 * n, 0, 100.0 * n + 50, 12)) for n in range(50)]
    told = played(voter, [crowd] * 5) + voter.flush()
    assert len(told) <= 4


def test_settled_plate_needs_no_more_reading() -> None:
    voter = PlateVoter()
    detection = seen("12345|أ|6").detection
    assert voter.needs_reading(0.0, detection)
    played(voter, [[seen("12345|أ|6")]] * 40)
    assert not voter.needs_reading(40 * STEP_SECONDS, detection)
    assert voter.needs_reading(40 * STEP_SECONDS, seen(None, THERE).detection)


def visits(voter: PlateVoter, boxes: list[Box], every_seconds: float) -> list[VotedRead]:
    """A plate seen for a second, again and again, with the end of a motion after each."""
    told = []
    for number, box in enumerate(boxes):
        told += played(voter, [[seen("12345|أ|6", box)]] * 8, start=number * every_seconds) + voter.flush()
    return told


def test_parked_vehicle_is_told_once_however_often_something_moves_beside_it() -> None:
    assert len(visits(PlateVoter(), [HERE] * 20, every_seconds=300.0)) == 1


def test_detector_may_tremble_on_a_parked_vehicle() -> None:
    trembling: list[Box] = [(100 + n % 3, 100, 200 + n % 4, 122) for n in range(10)]
    assert len(visits(PlateVoter(), trembling, every_seconds=300.0)) == 1


def test_vehicle_that_was_away_is_told_again_unless_it_stands_exactly_where_it_stood() -> None:
    elsewhere: Box = (130, 100, 230, 122)
    assert len(visits(PlateVoter(), [HERE, elsewhere], every_seconds=300.0)) == 2


def test_parked_vehicle_is_told_again_after_a_long_time() -> None:
    assert len(visits(PlateVoter(), [HERE, HERE], every_seconds=4 * 3600.0)) == 2


def test_glimpses_of_a_parked_vehicle_keep_its_stay_alive() -> None:
    voter = PlateVoter(VoteSettings(parked_seconds=30.0))
    told = played(voter, [[seen("12345|أ|6")]] * 40)
    for number in range(20):
        told += voter.feed(20.0 + 20 * number, [seen("12345|أ|6")]) + voter.feed(25.0 + 20 * number, [])
    told += played(voter, [[seen("12345|أ|6")]] * 8, start=420.0) + voter.flush()
    assert len(told) == 1


def test_picture_is_of_the_text_that_is_told() -> None:
    voter = PlateVoter()
    frames = [[seen("12345|أ|6", confidence=0.8, crop=b"right")]] * 4 + [[seen("9|ب|1", confidence=0.9, crop=b"wrong")]]
    told = played(voter, frames) + voter.flush()
    assert (told[0].text, told[0].crop_jpeg) == ("12345|أ|6", b"right")


def test_plate_that_stays_unreadable_is_tried_less_often() -> None:
    voter = PlateVoter()
    asked = 0
    for number in range(800):
        at_seconds = number * STEP_SECONDS
        due = voter.needs_reading(at_seconds, seen(None).detection)
        asked += due
        voter.feed(at_seconds, [seen(f"{1000 + number}|ب|1" if due else None, confidence=0.2)])
    assert 40 < asked < 120


def test_a_text_that_was_read_once_is_told_only_if_it_is_certain() -> None:
    for confidence, texts in ((0.6, []), (0.97, ["12345|أ|6"])):
        voter = PlateVoter()
        told = played(voter, [[seen("12345|أ|6", confidence=confidence)], [seen(None)], [seen(None)]]) + voter.flush()
        assert [read.text for read in told] == texts


def test_what_stands_still_and_mostly_says_nothing_or_something_else_is_no_plate() -> None:
    tried = replace(seen(None), was_tried=True)
    seldom = [[seen("12345|أ|6")], [seen("12345|أ|6")], *[[tried]] * 8]
    clock = [[seen(f"{1000 + number}|ب|1")] for number in range(20)]
    often = [[seen("12345|أ|6")], [tried]] * 6
    for frames, texts in ((seldom, []), (clock, []), (often, ["12345|أ|6"])):
        voter = PlateVoter()
        assert [read.text for read in played(voter, frames) + voter.flush()] == texts


def test_a_moving_plate_may_have_been_unreadable_from_far() -> None:
    boxes: list[Box] = [(60.0 * step, 100, 60.0 * step + 80, 118) for step in range(12)]
    far = [[replace(seen(None, box), was_tried=True)] for box in boxes[:9]]
    voter = PlateVoter()
    told = played(voter, [*far, *([seen("12345|أ|6", box)] for box in boxes[9:])]) + voter.flush()
    assert [read.text for read in told] == ["12345|أ|6"]


def test_where_another_text_stood_an_unsure_one_is_a_clock() -> None:
    for confidence, texts in ((0.6, ["1000|ب|1"]), (0.97, ["1000|ب|1", "2000|ب|1"])):
        voter = PlateVoter()
        told = played(voter, [[seen("1000|ب|1", confidence=confidence)]] * 6) + voter.flush()
        told += played(voter, [[seen("2000|ب|1", confidence=confidence)]] * 6, start=60.0) + voter.flush()
        assert [read.text for read in told] == texts
