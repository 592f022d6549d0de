"""Whoever comes later, or lost a picture, gets those since the last keyframe; timestamps never fall."""

from vigie_hub.video.live.gop_cache import BYTES_MAX, GopCache
from vigie_shared.rtc.reassembly import ReceivedFrame


def frame(timestamp: int, *, keyframe: bool = False, size: int = 10) -> ReceivedFrame:
    return ReceivedFrame([bytes(size)], timestamp, keyframe)


def cache(*frames: ReceivedFrame) -> GopCache:
    made = GopCache()
    for each in frames:
        made.feed(each)
    return made


def test_a_burst_ends_with_the_newest_pictures_own_timestamp() -> None:
    held = cache(frame(9_000, keyframe=True), frame(12_600), frame(16_200))
    assert [(one.timestamp, one.is_keyframe) for one in held.burst()] == [
        (16_020, True),
        (16_110, False),
        (16_200, False),
    ]


def test_what_is_sent_again_follows_the_newest_and_comes_before_the_next() -> None:
    held = cache(frame(9_000, keyframe=True), frame(12_600))
    assert [one.timestamp for one in held.again()] == [12_601, 12_602]


def test_a_keyframe_begins_anew_and_nothing_is_held_before_one() -> None:
    held = cache(frame(1), frame(2, keyframe=True), frame(3), frame(4, keyframe=True))
    assert [one.timestamp for one in held.burst()] == [4]
    assert list(cache(frame(1)).burst()) == []


def test_timestamps_begin_again_after_the_last_one() -> None:
    held = cache(frame((1 << 32) - 45, keyframe=True), frame(0))
    assert [one.timestamp for one in held.burst()] == [(1 << 32) - 90, 0]


def test_a_group_that_is_too_large_is_not_held() -> None:
    held = cache(frame(0, keyframe=True, size=BYTES_MAX), frame(1))
    assert list(held.burst()) == []
