"""A batch is believed only where it is well-formed, and of the agent and lane whose subject it came on."""

import json
from datetime import UTC, datetime

import pytest

from vigie_shared.batches import BATCH_BYTES_MAX, EVENTS_MAX, SCHEMA, Batch, Head, bodies, decode, encode, head_of
from vigie_shared.errors import WireError
from vigie_shared.events import EVENT, MotionEnded, strange
from vigie_shared.ids import unique_id

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
ID = unique_id(AT)


def batch(count: int = 3, schema: int = 1) -> Batch:
    events = tuple(MotionEnded(at=AT, camera_id="gate", motion_id=ID, peak_score=n) for n in range(count))
    return Batch(v=schema, agent_id="rabat-1", epoch=ID, lane="mot", first_seq=41, events=events)


def altered(**changes: object) -> bytes:
    return json.dumps({**json.loads(encode(batch())), **changes}).encode()


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_a_batch_survives_the_wire(schema: int) -> None:
    payload = encode(batch(schema=schema))
    assert decode(payload, agent_id="rabat-1", lane="mot") == batch(schema=schema)
    assert head_of(payload) == Head(ID, 41, 3)


def test_sequences_are_consecutive() -> None:
    assert (batch(1).last_seq, batch(3).last_seq) == (41, 43)


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_the_largest_batch_fits(schema: int) -> None:
    payload = encode(batch(EVENTS_MAX, schema))
    assert len(payload) < BATCH_BYTES_MAX
    assert decode(payload, agent_id="rabat-1", lane="mot").last_seq == 40 + EVENTS_MAX


@pytest.mark.parametrize(("agent_id", "lane"), [("rabat-2", "mot"), ("rabat-1", "lpr")])
def test_a_batch_on_anothers_subject_is_refused(agent_id: str, lane: str) -> None:
    with pytest.raises(WireError, match=f"subject of {agent_id}/{lane} claims to be of rabat-1/mot"):
        decode(encode(batch()), agent_id=agent_id, lane=lane)


def test_an_event_of_another_lane_is_refused() -> None:
    with pytest.raises(WireError, match="motion_ended does not travel in lane lpr"):
        decode(altered(lane="lpr"), agent_id="rabat-1", lane="lpr")


def test_a_newer_schema_says_which_side_to_update() -> None:
    with pytest.raises(WireError, match="update the hub"):
        decode(altered(v=SCHEMA + 1), agent_id="rabat-1", lane="mot")


def test_a_field_of_a_newer_agent_is_ignored() -> None:
    assert decode(altered(colour="blue"), agent_id="rabat-1", lane="mot") == batch()


def newer(schema: int) -> bytes:
    """A batch of a newer agent: a field that is new, and a kind of which nothing is known here."""
    ended = EVENT.validate_python({**batch().events[0].model_dump(), "lens_celsius": 41}, extra="allow")
    odd = strange({"kind": "siren_heard", "at": AT.isoformat(), "camera_id": "gate", "pitch_hz": [440, 880]})
    if schema == 1:
        return altered(events=[ended.model_dump(mode="json") | {"lens_celsius": 41}, odd.model_dump(mode="json")])
    made = Batch.model_construct(
        schema_version=schema, agent_id="rabat-1", epoch=ID, lane="mot", first_seq=41, events=(ended, odd)
    )
    return encode(made)


@pytest.mark.parametrize("schema", range(1, SCHEMA + 1))
def test_what_a_newer_agent_adds_is_kept_as_it_came(schema: int) -> None:
    read = decode(newer(schema), agent_id="rabat-1", lane="mot")
    assert [event.kind for event in read.events] == ["motion_ended", "siren_heard"]
    assert read.events[1].at == AT
    known, odd = bodies(newer(schema), agent_id="rabat-1", lane="mot")
    assert known["lens_celsius"] == 41
    assert known["peak_score"] == 0
    assert odd["pitch_hz"] == [440, 880]


@pytest.mark.parametrize("odd", [{"at": "yesterday"}, {"camera_id": "../x"}, {"at": None, "camera_id": None}, {}])
def test_a_stranger_without_time_or_place_is_kept_too(odd: dict[str, object]) -> None:
    document = altered(events=[{"kind": "siren_heard", "pitch_hz": 440, **odd}])
    (event,) = decode(document, agent_id="rabat-1", lane="mot").events
    assert (event.kind, event.at, event.camera_id) == ("siren_heard", None, None)


@pytest.mark.parametrize(
    ("payload", "claims"),
    [
        (altered(events=[{"kind": "motion_ended"}, 7]), Head(ID, 41, 2)),
        (encode(batch(schema=2))[:20], Head(ID, 41, 3)),
        (b"\x03" + encode(batch(schema=2))[1:15], Head(ID, 41, 3)),
        (b"{}", None),
        (b"", None),
        (b"\x02short", None),
    ],
    ids=["bad events", "cut short", "a newer schema", "an object", "nothing", "no head"],
)
def test_what_a_broken_batch_claims_to_hold_can_mostly_be_told(payload: bytes, claims: Head | None) -> None:
    assert head_of(payload) == claims


@pytest.mark.parametrize(
    ("payload", "where"),
    [
        (b"", "batch"),
        (b"[]", "batch"),
        (b"\xff\xfe", "batch"),
        (altered(events=[]), "events"),
        (altered(first_seq=0), "first_seq"),
        (altered(epoch="now"), "epoch"),
        (b" " * (BATCH_BYTES_MAX + 1), "the limit is"),
    ],
    ids=["empty", "a list", "not text", "no events", "sequence 0", "bad epoch", "too large"],
)
def test_a_malformed_batch_is_refused_with_the_place(payload: bytes, where: str) -> None:
    with pytest.raises(WireError, match=where):
        decode(payload, agent_id="rabat-1", lane="mot")


@pytest.mark.parametrize(
    ("place", "hostile"),
    [
        (b'"first_seq":41', b'"first_seq":9223372036854775808'),
        (b'"peak_score":0.0', b'"peak_score":1e999'),
        (b'"at":"2026-03-01T08:00:00Z"', b'"at":"0001-01-01T00:00:00+14:00"'),
        (b'"at":"2026-03-01T08:00:00Z"', b'"at":"2026-03-01T08:00:00"'),
        (b'"camera_id":"gate"', b'"camera_id":"gate\\u0000"'),
        (b'"camera_id":"gate"', b'"camera_id":"\\ud800"'),
    ],
)
def test_a_value_that_no_table_can_hold_is_one_clear_line(place: bytes, hostile: bytes) -> None:
    payload = encode(batch(1))
    assert place in payload
    with pytest.raises(WireError, match=r"^batch of rabat-1 in lane mot: ") as caught:
        decode(payload.replace(place, hostile), agent_id="rabat-1", lane="mot")
    assert "\n" not in str(caught.value)
