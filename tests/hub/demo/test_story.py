"""The commentary says what happened in one line."""

from typing import Any

import pytest

from vigie_hub.demo.story import tell, tell_alert

AT = "2026-11-22T10:00:00.000Z"


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("motion_started", {"score": 3.25}, "motion, score 3.2"),
        (
            "plate_read",
            {"text": "12345|أ|6", "confidence": 0.97, "frame_count": 5, "uncertain": False},
            "plate 12345 | أ | 6, confidence 97%, seen in 5 frames",
        ),
        (
            "plate_read",
            {"text": "1|أ|6", "confidence": 0.4, "frame_count": 1, "uncertain": True},
            "plate 1 | أ | 6, confidence 40%, seen in 1 frames (uncertain)",
        ),
        ("clip_stored", {"bytes": 2_500_000, "sha256": "ab" * 32}, "clip kept at the edge, 2.5 MB, abababababab…"),
        (
            "camera_changed",
            {"state": "streaming", "codec": "h264", "width_px": 960, "height_px": 540},
            "camera streams h264, 960×540",
        ),
        ("something_newer", {}, "something_newer"),
    ],
)
def test_every_kind_of_event_is_told(kind: str, body: dict[str, Any], said: str) -> None:
    line = tell({"kind": kind, "at": AT, "agent_id": "gate", "camera_id": "main", "body": body})
    assert line is not None
    assert line.endswith(f"gate/main  {said}")


def test_a_lost_camera_is_told_by_its_agent_alone() -> None:
    body = {"state": "lost", "detail": "no packets"}
    assert tell({"kind": "camera_changed", "at": AT, "agent_id": "gate", "camera_id": "main", "body": body}) is None


def test_an_alert_names_place_plate_and_reason() -> None:
    alert = {"at": AT, "agent_id": "gate", "camera_id": "main", "text": "12345|أ|6", "reason": "stolen"}
    assert tell_alert(alert).endswith("ALERT at gate/main: 12345 | أ | 6: stolen")
