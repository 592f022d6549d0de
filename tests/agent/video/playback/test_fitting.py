"""What a clip takes on a link, and what a link gets of it; in simulated time."""

from dataclasses import replace

from tests.agent.video.playback.test_schedule import FRAMES, KEY_BYTES, OTHER_BYTES, clip
from vigie_agent.video.ladder.ladder import RungCost
from vigie_agent.video.media.source import LinkFeedback
from vigie_agent.video.playback.fitting import IDLE_SECONDS, ClipFit, rungs_of

BITS = 8 * (KEY_BYTES + (FRAMES - 1) * OTHER_BYTES)
"""Of the clip, a second."""
LARGE = clip(gop_bytes=500_000)


def names(rungs: list[RungCost]) -> list[str]:
    return [one.rung for one in rungs]


def link(at_seconds: float, bits: float, queued_seconds: float = 0.0) -> LinkFeedback:
    return LinkFeedback(at_seconds, bits, 0.0, 0.1, queued_seconds)


def test_a_clip_that_browsers_play_has_all_rungs_where_a_transcode_is_free() -> None:
    rungs = rungs_of(LARGE, 1.0, 0, is_playable=True, may_transcode=True)
    assert names(rungs) == ["clip", "low", "keyframes", "stills"]
    without = rungs_of(LARGE, 1.0, 0, is_playable=True, may_transcode=False)
    assert names(without) == ["clip", "keyframes"]


def test_one_that_is_transcoded_anyway_is_small_or_smaller() -> None:
    rungs = rungs_of(LARGE, 1.0, 0, is_playable=False, may_transcode=True)
    assert names(rungs) == ["clip", "stills"]
    assert rungs[0].bits_per_second < 300_000


def test_speed_costs_up_to_twice_the_clip() -> None:
    def taken(rate: float) -> float:
        return rungs_of(clip(), rate, 8 * KEY_BYTES, is_playable=True, may_transcode=False)[0].bits_per_second

    assert BITS < taken(1.0) < 1.1 * BITS
    assert taken(0.5) == taken(1.0) / 2
    assert taken(8.0) == taken(2.0) == 2 * taken(1.0)


def test_it_falls_to_what_fits_and_says_why() -> None:
    fit = ClipFit()
    rungs = rungs_of(LARGE, 1.0, 0, is_playable=True, may_transcode=True)
    assert fit.feed(link(10.0, 3e7), rungs, 0.0) is None
    change = fit.feed(link(12.0, 3e5, queued_seconds=0.5), rungs, 0.0)
    assert change is not None
    assert (change.rung, change.reason, fit.rung) == ("low", "rate", "low")
    advice = fit.advice(0.0)
    assert advice.drops_queue
    assert advice.pace_bits_per_second is not None
    assert not fit.advice(0.0).drops_queue, "once is enough"


def test_nothing_is_learnt_and_nothing_sent_while_somebody_looks_at_one_picture() -> None:
    fit = ClipFit()
    rungs = rungs_of(LARGE, 1.0, 0, is_playable=True, may_transcode=True)
    fit.feed(link(10.0, 3e7), rungs, 0.0)
    fit.feed(link(12.0, 3e5, queued_seconds=0.5), rungs, 0.0)
    for second in range(13, 200):
        assert fit.feed(link(float(second), 3e7), rungs, IDLE_SECONDS) is None
        assert fit.advice(IDLE_SECONDS).filler_bits_per_second == 0


def test_it_climbs_again_once_filler_got_through() -> None:
    fit = ClipFit()
    rungs = rungs_of(LARGE, 1.0, 0, is_playable=True, may_transcode=True)
    fit.feed(link(10.0, 3e7), rungs, 0.0)
    fit.feed(link(12.0, 3e5, queued_seconds=0.5), rungs, 0.0)
    filled = 0.0
    for tick in range(4 * 60):
        change = fit.feed(link(12.25 + tick / 4, 3e7), rungs, 0.0)
        filled += fit.advice(0.0).filler_bits_per_second
        if change is not None:
            assert (change.rung, change.reason) == ("clip", "recovered")
            assert filled > 0
            return
    raise AssertionError("it stayed where it was")


def test_a_clip_without_parts_costs_something() -> None:
    empty = replace(clip(), gops=(), duration_seconds=0.0)
    assert names(rungs_of(empty, 1.0, 0, is_playable=True, may_transcode=False))[0] == "clip"
