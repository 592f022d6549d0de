"""Heartbeats that say only what changed: the hub sees what the agent meant, or nothing at all."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from vigie_shared.errors import WireError
from vigie_shared.heartbeat_deltas import DELTA, HEARTBEAT_BYTES_MAX, WHOLE, HeartbeatReader, HeartbeatWriter
from vigie_shared.heartbeats import CameraHealth, Heartbeat
from vigie_shared.link import LinkReport, QueueReport

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
CAMERAS = tuple(
    CameraHealth(camera_id=f"c{n}", name=f"Gate {n}", state="streaming", frames_per_second=25, kbps=900, moving=False)
    for n in range(4)
)
LINK = LinkReport(
    at=START,
    kind="lte",
    connected=True,
    pace_kbps=62.7,
    measured_kbps=None,
    cap_kbps=64,
    round_trip_ms=80.5,
    in_flight_bytes=0,
    sent_today_bytes=0,
    quota_bytes=None,
    queue=(QueueReport(priority="read", bytes=1_000, eta_seconds=1),),
)


def beat(**changed: Any) -> Heartbeat:
    plain = Heartbeat(
        agent_id="gate",
        epoch="0" * 22,
        version="0.2",
        at=START,
        interval_seconds=60,
        cameras=CAMERAS,
        newest={"mot": 3},
        clips_kept=2,
        clips_bytes=1000,
        disk_free_bytes=10**9,
        store_fault=None,
    )
    return plain.model_copy(update=changed)


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "clips_kept": st.integers(0, 10**6),
        "newest": st.dictionaries(st.sampled_from(["hit", "mot", "lpr"]), st.integers(0, 10**9)),
        "disk_free_bytes": st.none() | st.integers(0, 10**12),
        "store_fault": st.none() | st.text(max_size=200),
        "link": st.none() | st.just(LINK),
        "cameras": st.lists(st.floats(0, 60), min_size=4, max_size=4).map(
            lambda rates: tuple(
                camera.model_copy(update={"frames_per_second": rate, "moving": rate > 30})
                for camera, rate in zip(CAMERAS, rates, strict=True)
            )
        ),
    },
)


@given(changes=st.lists(st.tuples(CHANGES, st.booleans(), st.booleans()), max_size=8))
def test_whatever_is_lost_on_the_way_what_is_read_is_what_was_meant(
    changes: list[tuple[dict[str, Any], bool, bool]],
) -> None:
    writer, reader = HeartbeatWriter(), HeartbeatReader()
    reader.feed("gate", writer.whole(beat()))
    for seconds, (changed, is_whole, is_lost) in enumerate(changes):
        meant = beat(**changed, at=START + timedelta(seconds=seconds))
        payload = writer.whole(meant) if is_whole else writer.delta(meant)
        assert payload is not None
        if not is_lost:
            assert reader.feed("gate", payload) in (meant, None)
    assert reader.feed("gate", writer.whole(beat())) == beat()
    final = writer.delta(beat(clips_kept=9))
    assert final is not None
    assert reader.feed("gate", final) == beat(clips_kept=9)


def test_nothing_new_is_a_few_bytes() -> None:
    writer = HeartbeatWriter()
    writer.whole(beat())
    same = writer.delta(beat(at=START + timedelta(minutes=20)))
    assert same is not None
    assert len(same) <= 16


def test_other_cameras_another_version_or_epoch_need_a_whole_one() -> None:
    writer = HeartbeatWriter()
    assert writer.delta(beat()) is None
    writer.whole(beat())
    assert writer.delta(beat(cameras=CAMERAS[1:])) is None
    assert writer.delta(beat(version="0.3")) is None
    assert writer.delta(beat(epoch="1" * 22)) is None


def test_older_agents_are_read() -> None:
    assert HeartbeatReader().feed("gate", beat().model_dump_json().encode()) == beat()


def test_a_delta_of_an_unknown_whole_is_a_sign_of_life_only() -> None:
    writer, reader = HeartbeatWriter(), HeartbeatReader()
    first = writer.whole(beat())
    delta = writer.delta(beat(clips_kept=3))
    assert delta is not None
    assert reader.feed("gate", delta) is None
    reader.feed("gate", first)
    reader.forget("gate")
    assert reader.feed("gate", delta) is None


@given(changes=st.lists(st.tuples(st.just({}) | CHANGES, st.booleans()), min_size=1, max_size=8))
def test_what_is_said_again_is_what_was_read_before_at_a_later_time(
    changes: list[tuple[dict[str, Any], bool]],
) -> None:
    writer, reader, careful = HeartbeatWriter(), HeartbeatReader(), HeartbeatReader()
    whole = writer.whole(beat())
    before = reader.feed("gate", whole)
    careful.feed("gate", whole)
    for seconds, (changed, is_whole) in enumerate(changes, 1):
        meant = beat(**changed, at=START + timedelta(seconds=seconds))
        payload = writer.whole(meant) if is_whole else writer.delta(meant)
        assert payload is not None
        assert careful.feed("gate", payload) == meant
        at = reader.again("gate", payload)
        if at is None:
            before = reader.feed("gate", payload)
        else:
            assert before is not None
            before = before.model_copy(update={"at": at})
        assert before == meant


def test_nothing_new_need_not_be_read() -> None:
    writer, reader = HeartbeatWriter(), HeartbeatReader()
    reader.feed("gate", writer.whole(beat()))
    same, news = writer.delta(beat(at=START + timedelta(seconds=60))), writer.delta(beat(clips_kept=9))
    later = writer.delta(beat(clips_kept=9, at=START + timedelta(seconds=61)))
    assert same is not None
    assert news is not None
    assert later is not None
    assert reader.again("gate", same) == START + timedelta(seconds=60)
    assert reader.again("gate", news) is None
    reader.feed("gate", news)
    assert reader.again("gate", later) == START + timedelta(seconds=61)
    assert reader.again("gate", same) is None
    assert reader.again("gate-2", later) is None


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        DELTA,
        DELTA + b"[1,-3,{},{}]",
        DELTA + b"[1,0.5,{},{}]",
        DELTA + b"[1,9999999999,{},{}]",
        DELTA + b"[2,1,{},{}]",
    ],
)
def test_what_is_not_surely_the_same_is_read(payload: bytes) -> None:
    reader = HeartbeatReader()
    reader.feed("gate", HeartbeatWriter().whole(beat()))
    assert reader.again("gate", payload) is None


def test_a_time_beyond_all_times_is_refused() -> None:
    writer, reader = HeartbeatWriter(), HeartbeatReader()
    end = datetime.max.replace(tzinfo=UTC)
    reader.feed("gate", writer.whole(beat(at=end)))
    assert reader.again("gate", DELTA + b"[1,60,{},{}]") is None
    with pytest.raises(WireError):
        reader.feed("gate", DELTA + b"[1,60,{},{}]")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"{}",
        b"[" * 1000,
        b" " * HEARTBEAT_BYTES_MAX + b"{}",
        WHOLE,
        WHOLE + b"junk",
        WHOLE + zstandard.compress(bytes(50_000_000)),
        DELTA + b"[1]",
        DELTA + b"[1,0,{},{}",
        DELTA + b'[1,0,{},{"9":{"kbps":1}}]',
        DELTA + b'[1,0,{"clips_kept":-1},{}]',
        DELTA + b"[1,1e99,{},{}]",
        DELTA + b"[1,0,[],{}]",
        beat().model_copy(update={"agent_id": "gate-2"}).model_dump_json().encode(),
        HeartbeatWriter().whole(beat(agent_id="gate-2")),
    ],
)
def test_what_is_malformed_or_of_someone_else_is_refused(payload: bytes) -> None:
    reader = HeartbeatReader()
    reader.feed("gate", HeartbeatWriter().whole(beat()))
    with pytest.raises(WireError):
        reader.feed("gate", payload)
