"""Marks are alike for an event as the agent keeps it and as the hub reads it, and unlike for any two events."""

import json

import pytest

from tests.hub.agents import batch, clip, motion, plate_read
from vigie_shared.batches import bodies, encode
from vigie_shared.events import AnyEvent, Lane
from vigie_shared.marks import mark


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(("event", "lane"), [(motion(), "mot"), (plate_read(), "lpr"), (clip(), "clip")])
def test_both_sides_make_the_same_mark(event: AnyEvent, lane: Lane, version: int) -> None:
    sent = batch([event], lane=lane).model_copy(update={"schema_version": version})
    (body,) = bodies(encode(sent), agent_id="gate-1", lane=lane)
    assert mark(body) == mark(json.loads(event.model_dump_json(exclude_none=True)))


def test_what_a_later_release_adds_changes_no_mark_and_no_time_is_no_fault() -> None:
    known = json.loads(motion().model_dump_json())
    assert mark({**known, "speed_kmh": 50}) == mark(known)
    assert mark({**known, "at": "yesterday"}) == mark({**known, "at": None}) != mark(known)


def test_other_events_have_other_marks() -> None:
    assert len({mark(json.loads(motion().model_dump_json())) for _ in range(500)}) == 500
