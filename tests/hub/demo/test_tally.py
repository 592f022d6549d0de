"""The summary counts what the hub has, and says what must not be."""

from pathlib import Path
from typing import Any

import pytest

from vigie_hub.demo.scenes import Camera
from vigie_hub.demo.tally import Pulled, Tally

CAMERAS = (
    Camera("crossing", "main", "Crossing", Path("a.mp4"), 20.0, ("12345|أ|6", "777|ب|1")),
    Camera("gate", "main", "Gate", Path("b.mp4"), 20.0),
)


def event(number: int, kind: str, agent_id: str = "crossing", **body: Any) -> dict[str, Any]:
    return {"id": number, "kind": kind, "agent_id": agent_id, "lane": "mot", "seq": number, "body": body}


def test_an_event_that_is_seen_twice_counts_once() -> None:
    tally = Tally(CAMERAS)
    tally.feed([event(1, "motion_started"), event(2, "clip_stored")])
    assert [fresh["id"] for fresh in tally.feed([event(2, "clip_stored"), event(3, "clip_stored")])] == [3]
    assert tally.kinds == {"motion_started": 1, "clip_stored": 2}


def test_what_an_agent_recorded_and_the_hub_has_not_is_lacking() -> None:
    tally = Tally(CAMERAS)
    tally.feed([event(1, "motion_started"), event(3, "motion_ended")])
    assert tally.lacking({"crossing": {"mot": 3}}) == 1
    assert tally.lacking({"crossing": {"mot": 1, "clip": 2}}) == 2
    assert tally.lacking({"gate": {"mot": 0}}) == 0


def test_a_read_is_correct_only_at_the_camera_that_shows_the_plate() -> None:
    tally = Tally(CAMERAS)
    tally.feed(
        [
            event(1, "plate_read", text="12345|أ|6"),
            event(2, "plate_read", agent_id="gate", text="777|ب|1"),
            event(3, "plate_read", text="12346|أ|6"),
        ]
    )
    summary = tally.summary(agents=3, alerts=1, pulled=[], lost=0)
    assert (summary.plate_reads, summary.plate_reads_correct) == (3, 1)
    assert (summary.plates_shown, summary.plates_read_exactly) == (2, 1)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"agents": 2}, "agents"),
        ({"alerts": 0}, "alerts"),
        ({"lost": 1}, "lost"),
        ({"pulled": []}, "pulled"),
        ({"pulled": [Pulled(clip_id="c", bytes=1, sha256_agent="a", sha256_hub="b", seconds=1)]}, "pulled"),
        ({"plates_read_exactly": 17}, "plates"),
        ({"clips": 0}, "clips"),
    ],
)
def test_each_shortfall_is_named(change: dict[str, Any], named: str) -> None:
    whole = Tally(CAMERAS).summary(
        agents=3,
        alerts=1,
        pulled=[Pulled(clip_id="c", bytes=1, sha256_agent="a", sha256_hub="a", seconds=1)],
        lost=0,
    )
    good = whole.model_copy(update={"clips": 2, "plates_shown": 20, "plates_read_exactly": 18})
    assert good.failures() == []
    assert good.model_copy(update=change).failures() == [named]
