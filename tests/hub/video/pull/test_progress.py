"""How far a pull has come, told from what its core knows; no clock runs."""

import hashlib

from tests.hub.video.pull.played import BLOCK, CLIP_ID, manifest_of, started
from tests.hub.video.pull.test_sub_streams import small_manifest, sub_pull
from vigie_hub.video.pull.progress import TELL_SECONDS, Pace, PullState, Seen, Watch
from vigie_shared.transfer import Waiting

CLIP = bytes(range(100))


class Clock:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_rate_is_that_of_the_last_seconds() -> None:
    pace = Pace()
    assert pace.arrived(0.0, 0) is None
    assert pace.arrived(1.0, 100) == 100
    assert pace.arrived(4.0, 100) == 25
    for second in range(5, 20):
        rate = pace.arrived(float(second), 100 + (second - 4) * 50)
    assert rate == 50


def test_bytes_rate_and_time_left_are_told_now_and_then_and_the_rest_at_once() -> None:
    told: list[str | None] = []
    clock, state = Clock(), PullState("queued")
    watch = Watch(state, "original", clock, lambda: told.append(state.waits))
    state.begin("original")
    pull = started(CLIP)
    watch.moved(pull.transfer, "tcp")
    assert (told, state.of_bytes, state.eta_seconds) == ([None], 100, None)
    pull.transfer.window_bytes = BLOCK
    clock.seconds += TELL_SECONDS / 2
    watch.moved(pull.transfer, "tcp")
    assert len(told) == 1
    pull.transfer.feed(Waiting().model_dump_json())
    watch.moved(pull.transfer, "tcp")
    assert told == [None, "link"]
    pull.serve(CLIP, BLOCK // 2)
    clock.seconds += 5.0
    watch.moved(pull.transfer, "tcp")
    assert (told, state.waits, state.seconds) == ([None, "link", None], None, 5.0 + TELL_SECONDS / 2)
    assert (state.bytes, state.arrived_bytes, state.bytes_per_second, state.eta_seconds) == (100, 100, 20.0, 0.0)
    assert state.seen.prefix_bytes == 100


def test_what_is_verified_from_the_start_is_told_apart_from_what_only_arrived() -> None:
    pull = started(CLIP, window_bytes=BLOCK)
    get = pull.asked.pop(0)
    assert get.length >= BLOCK
    pull.act(pull.transfer.feed((0).to_bytes(8, "big") + CLIP[: BLOCK - 3]))
    assert (pull.transfer.arrived_bytes, pull.transfer.verified_bytes, pull.transfer.prefix_bytes) == (BLOCK - 3, 0, 0)
    pull.act(pull.transfer.feed((BLOCK - 3).to_bytes(8, "big") + CLIP[BLOCK - 3 : BLOCK]))
    assert pull.transfer.prefix_bytes == BLOCK


def test_a_sub_stream_is_seen_beside_the_clip() -> None:
    small, seen = bytes(range(35)), Seen()
    pull = sub_pull()
    pull.act(pull.transfer.feed(small_manifest(small).model_dump_json()))
    pull.serve(small, 10)
    seen.take(pull.transfer, "sub")
    assert (seen.rungs(), seen.small_bytes, seen.prefix_bytes, seen.manifest) == (("sub",), 35, 0, None)


def test_what_came_wrong_is_seen_no_more_and_the_rest_is() -> None:
    seen = Seen(manifest_of(CLIP), prefix_bytes=20, small=manifest_of(CLIP[:35]), small_bytes=10)
    for quality, prefix_bytes in (("sub", 20), ("original", 0)):
        state = PullState("pulling", seen=seen)
        Watch(state, quality, Clock(), lambda: None).forget()  # type: ignore[arg-type]
        assert (state.seen.small, state.seen.prefix_bytes) == (None, prefix_bytes)
    assert hashlib.sha256(CLIP).hexdigest() == manifest_of(CLIP, CLIP_ID).sha256
