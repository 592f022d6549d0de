"""A heartbeat says how an agent and its cameras fare, and never pretends that an unreadable disk is empty."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.ids import unique_id

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
CAMERA = CameraHealth(camera_id="gate", name="Gate", state="streaming", frames_per_second=25, kbps=4000, moving=False)
HEARTBEAT = Heartbeat(
    agent_id="rabat-1",
    epoch=unique_id(AT),
    version="0.1.0",
    at=AT,
    interval_seconds=10,
    cameras=(CAMERA,),
    newest={"lpr": 7},
    clips_kept=2,
    clips_bytes=4096,
    disk_free_bytes=None,
)


def test_a_heartbeat_survives_the_wire() -> None:
    assert Heartbeat.model_validate_json(HEARTBEAT.model_dump_json()) == HEARTBEAT


def test_an_unreadable_disk_stays_unknown_on_the_wire() -> None:
    assert '"disk_free_bytes":null' in HEARTBEAT.model_dump_json()


def test_what_a_newer_agent_adds_is_ignored() -> None:
    newer = {**HEARTBEAT.model_dump(mode="json"), "temperature": 71}
    assert Heartbeat.model_validate(newer) == HEARTBEAT


@pytest.mark.parametrize(
    "bad",
    [
        {"interval_seconds": 0},
        {"clips_kept": -1},
        {"newest": {"mot": -1}},
        {"cameras": [CAMERA] * 257},
        {"agent_id": "*"},
    ],
    ids=lambda bad: next(iter(bad)),
)
def test_a_value_out_of_its_range_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Heartbeat.model_validate({**HEARTBEAT.model_dump(), **bad})


def test_a_lane_that_only_a_newer_agent_has_is_left_out() -> None:
    told = {**HEARTBEAT.model_dump(mode="json"), "newest": {"mot": 7, "aud": 3}}
    assert Heartbeat.model_validate(told).newest == {"mot": 7}
