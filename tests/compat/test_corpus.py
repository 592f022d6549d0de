"""Today's hub reads what every release ever sent, and agents a version older or newer get on with it."""

import json
from pathlib import Path

import pytest

from tests.compat.record import AGENT, CORPUS, EPOCH, FIRST_SEQ, recorded, told
from tests.hub.agents import NOON, new_key
from tests.shared.test_events import AT, ID
from vigie_hub.database import Database
from vigie_hub.fleet.enrolment import enrol
from vigie_hub.sync.arrivals import Refusal, receive
from vigie_hub.sync.lanes import watermarks_of
from vigie_hub.sync.projector import project_all
from vigie_hub.sync.stored import events_after
from vigie_shared.batches import SCHEMA, Batch, decode, encode
from vigie_shared.events import EVENT, KINDS, LANES, MotionEnded, strange
from vigie_shared.receipts import Receipt, WatermarkQuestion

ALL = [(lane, schema) for lane in LANES for schema in range(1, SCHEMA + 1)]


@pytest.mark.parametrize(("lane", "schema"), ALL)
def test_a_batch_of_every_version_says_today_what_it_said_then(lane: str, schema: int) -> None:
    batch = decode(recorded(lane, schema).read_bytes(), agent_id=AGENT, lane=lane)
    assert (batch.epoch, batch.first_seq) == (EPOCH, FIRST_SEQ)
    said = json.loads(told(lane).read_text(encoding="utf-8"))
    assert list(batch.events) == [EVENT.validate_json(json.dumps(one)) for one in said]


def test_the_corpus_holds_every_kind_and_nothing_that_is_not_tested() -> None:
    kinds = {one["kind"] for lane in LANES for one in json.loads(told(lane).read_text(encoding="utf-8"))}
    assert kinds == KINDS
    known = {recorded(*one) for one in ALL} | {told(lane) for lane in LANES}
    assert set(CORPUS.iterdir()) == known


def stored(folder: Path, messages: list[tuple[str, bytes]]) -> tuple[list[dict[str, object]], dict[str, int]]:
    """What a hub makes of messages: its events, and its watermarks."""
    with Database(folder / "hub.db") as database:
        key = new_key().public_key
        database.write_now(lambda connection: enrol(connection, AGENT, key, NOON, "test"))
        received = [receive(f"e.{AGENT}.{lane}", payload) for lane, payload in messages]
        database.write_now(lambda connection: project_all(connection, received, NOON))
        events = database.read_now(lambda connection: list(events_after(connection, 0)))
        marks = database.read_now(lambda connection: watermarks_of(connection, AGENT, EPOCH))
    return events, {str(lane): seq for lane, seq in marks.items()}


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_hub_stores_the_whole_corpus(tmp_path: Path, schema: int) -> None:
    events, _marks = stored(tmp_path, [(lane, recorded(lane, schema).read_bytes()) for lane in LANES])
    expected = [one for lane in LANES for one in json.loads(told(lane).read_text(encoding="utf-8"))]
    assert [event["body"] for event in events] == expected


def newer_agents_batch() -> bytes:
    """A field and a kind of a release to come, in the newest version that today's hub reads."""
    ended = MotionEnded(at=AT, camera_id="gate", motion_id=ID, peak_score=1)
    grown = EVENT.validate_python({**ended.model_dump(), "lens_celsius": 41}, extra="allow")
    odd = strange({"kind": "siren_heard", "at": AT.isoformat(), "camera_id": "gate", "pitch_hz": 440})
    return encode(
        Batch.model_construct(
            schema_version=SCHEMA, agent_id=AGENT, epoch=EPOCH, lane="mot", first_seq=1, events=(grown, odd)
        )
    )


def test_a_newer_agents_fields_and_kinds_are_kept_and_shown(tmp_path: Path) -> None:
    events, marks = stored(tmp_path, [("mot", newer_agents_batch())])
    assert marks == {"mot": 2}
    assert [event["kind"] for event in events] == ["motion_ended", "siren_heard"]
    bodies = [event["body"] for event in events]
    assert [one[name] for one, name in zip(bodies, ("lens_celsius", "pitch_hz"), strict=True)] == [41, 440]  # type: ignore[index]


def test_a_newer_version_of_batches_is_refused_with_its_range_and_sent_again_in_ours(tmp_path: Path) -> None:
    """An agent that did not ask first; asked, it would have been told which version this hub reads."""
    payload = recorded("lpr", SCHEMA).read_bytes()
    newer = receive(f"e.{AGENT}.lpr", bytes([SCHEMA + 1]) + payload[1:])
    assert isinstance(newer, Refusal)
    assert newer.head is not None
    events, _marks = stored(tmp_path, [("lpr", bytes([SCHEMA + 1]) + payload[1:]), ("lpr", payload)])
    assert len(events) == 1


def test_an_older_hub_that_names_no_version_gets_the_first() -> None:
    old = Receipt.model_validate({"agent_id": AGENT, "epoch": EPOCH, "watermarks": {}, "issued_at": AT})
    assert min(SCHEMA, old.batch_schema) == 1
    newer = Receipt.model_validate_json(old.model_dump_json(by_alias=True).replace('"schema":1', '"schema":3'))
    assert min(SCHEMA, newer.batch_schema) == SCHEMA


def test_a_newer_agents_lanes_do_not_stop_its_question() -> None:
    question = WatermarkQuestion.model_validate_json(f'{{"epoch":"{EPOCH}","oldest":{{"lpr":7,"siren":3}}}}')
    assert question.oldest == {"lpr": 7}
