"""Events survive the wire, old readers survive new events' fields, and bad values are refused."""

from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vigie_shared.events import (
    EVENT,
    LANES,
    PICTURE_BYTES_MAX,
    AnyEvent,
    CameraChanged,
    ClipStored,
    GapRecorded,
    Lane,
    MotionEnded,
    MotionStarted,
    PlateHit,
    PlatePictured,
    PlateRead,
    lane_of,
)

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
ID = f"{int(AT.timestamp() * 1000):012x}4f0c2a9b31"
BOX = (0.1, 0.2, 0.3, 0.4)
READ = PlateRead(
    at=AT,
    camera_id="gate",
    read_id=ID,
    text="12345|أ|6",
    plate_kind="civil",
    confidence=0.98,
    uncertain=False,
    frame_count=3,
    first_seen_at=AT,
    last_seen_at=AT,
    direction="left",
    box=BOX,
    crop_bytes=4000,
)
EXAMPLES: dict[Lane, list[AnyEvent]] = {
    "mot": [
        MotionStarted(at=AT, camera_id="gate", motion_id=ID, score=0.4, region=BOX),
        MotionEnded(at=AT, camera_id="gate", motion_id=ID, peak_score=0.9),
    ],
    "lpr": [READ],
    "clip": [
        ClipStored(
            at=AT,
            camera_id="gate",
            clip_id=ID,
            ended_at=AT + timedelta(seconds=9),
            bytes=1,
            sha256="0" * 64,
            codec="h264",
            width_px=640,
            height_px=360,
        )
    ],
    "hlt": [
        GapRecorded(at=AT, camera_id="gate", gap_id=ID, ended_at=AT, reason="disk_full"),
        CameraChanged(at=AT, camera_id="gate", state="lost", detail="connection refused"),
    ],
    "hit": [
        PlateHit(
            at=AT,
            camera_id="gate",
            hit_id=ID,
            read=READ,
            entry_id=ID,
            list_id="stolen",
            list_version=7,
            rule="exact",
            list_age_seconds=61.5,
            check_only=False,
            retro=False,
            picture=b"\xff\xd8\x00\xfb",
        )
    ],
    "crop": [PlatePictured(at=AT, camera_id="gate", read_id=ID, picture=bytes(range(256)))],
}
ALL = [event for events in EXAMPLES.values() for event in events]


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.kind)
def test_an_event_survives_the_wire(event: AnyEvent) -> None:
    assert EVENT.validate_json(EVENT.dump_json(event)) == event


@pytest.mark.parametrize(("lane", "event"), [(lane, event) for lane in EXAMPLES for event in EXAMPLES[lane]])
def test_each_event_has_its_lane(lane: Lane, event: AnyEvent) -> None:
    assert lane_of(event) == lane


def test_every_lane_and_every_kind_has_an_example_here() -> None:
    assert set(LANES) == set(get_args(Lane)) == set(EXAMPLES)
    assert {type(event) for event in ALL} == set(get_args(get_args(AnyEvent)[0]))


def test_what_a_newer_agent_adds_is_ignored() -> None:
    newer = EVENT.dump_python(ALL[0], mode="json") | {"lens_temperature": 41}
    assert EVENT.validate_python(newer) == ALL[0]


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError, match="kind"):
        EVENT.validate_python({"kind": "face_seen", "at": AT, "camera_id": "gate"})


@given(st.datetimes(), st.integers(-23, 23))
def test_times_are_utc_whatever_zone_they_came_in(at: datetime, hours: int) -> None:
    if not 1900 < at.year < 9000:
        return
    aware = at.replace(tzinfo=timezone(timedelta(hours=hours)))
    event = MotionEnded(at=aware, camera_id="gate", motion_id=ID, peak_score=0)
    assert event.at == aware
    assert event.at.tzinfo is UTC


@pytest.mark.parametrize(
    "bad",
    [
        {"camera_id": "../gate"},
        {"region": (0.1, 0.2, 0.3, 1.4)},
        {"score": -1},
        {"motion_id": "short"},
        {"at": "2026-03-01T08:00:00"},
        {"clock_source": "sundial"},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_value_out_of_its_range_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EVENT.validate_python({**EVENT.dump_python(ALL[0]), **bad})


@pytest.mark.parametrize("picture", [b"", bytes(PICTURE_BYTES_MAX + 1)], ids=["none", "too large"])
def test_a_picture_sent_unasked_has_its_size(picture: bytes) -> None:
    with pytest.raises(ValidationError, match="picture"):
        PlatePictured(at=AT, camera_id="gate", read_id=ID, picture=picture)


def test_events_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        setattr(ALL[0], "camera_id", "other")  # noqa: B010
