"""Packets leave no faster than the link takes them."""

import pytest

from vigie_shared.rtc.pacer import BROWSER_SHARE, PACKET_OVERHEAD_BYTES, SHARE, Pacer, Slice

PAYLOAD = b"x" * 1000
WIRE_BYTES = 1000 + PACKET_OVERHEAD_BYTES


def drained(pacer: Pacer, now: float = 0.0) -> list[tuple[float, Slice]]:
    """Take when the pacer says so, until nothing is left."""
    taken = []
    while True:
        taken += [(now, piece) for piece in pacer.take(now)]
        wait = pacer.wait_seconds()
        if wait is None:
            return taken
        now += wait


def test_without_an_estimate_all_leaves_at_once() -> None:
    pacer = Pacer()
    pacer.push([PAYLOAD] * 200, 1, is_keyframe=True)
    (piece,) = pacer.take(0.0)
    assert len(piece.payloads) == 200
    assert piece.ends_frame
    assert pacer.wait_seconds() is None


@pytest.mark.parametrize("bits_per_second", [300_000, 500_000, 2_000_000, 20_000_000])
def test_a_keyframe_takes_the_time_that_the_link_needs(bits_per_second: int) -> None:
    pacer = Pacer(bits_per_second)
    pacer.push([PAYLOAD] * 120, 1, is_keyframe=True)
    taken = drained(pacer)
    seconds = 120 * WIRE_BYTES * 8 / (SHARE * bits_per_second)
    burst_seconds = 32_000 * 8 / (SHARE * bits_per_second)
    assert seconds - burst_seconds - 0.05 <= taken[-1][0] <= seconds
    assert sum(len(piece.payloads) for _, piece in taken) == 120
    assert [piece.ends_frame for _, piece in taken] == [False] * (len(taken) - 1) + [True]


def test_on_a_starved_link_no_more_than_three_packets_leave_together() -> None:
    pacer = Pacer(500_000)
    pacer.push([PAYLOAD] * 60, 1, is_keyframe=True)
    assert max(len(piece.payloads) for _, piece in drained(pacer)) <= 3


def test_an_ordinary_frame_leaves_at_once_where_the_link_suffices() -> None:
    pacer = Pacer(6_000_000)
    pacer.push([PAYLOAD] * 16, 1, is_keyframe=False)
    assert [len(piece.payloads) for piece in pacer.take(0.0)] == [16]


def test_what_passes_at_once_counts_as_much_as_what_is_queued() -> None:
    pacer = Pacer(6_000_000)
    passed = 0
    while pacer.pass_at_once([PAYLOAD] * 2, 0.0) is not None:
        passed += 2
    assert 20 <= passed <= 26
    pacer.push([PAYLOAD] * 40, 2, is_keyframe=True)
    assert pacer.pass_at_once([PAYLOAD], 60.0) is None, "it would overtake"


def test_a_burst_may_be_allowed_once() -> None:
    pacer = Pacer(1_000_000)
    pacer.allow_burst(100 * WIRE_BYTES)
    pacer.push([PAYLOAD] * 200, 1, is_keyframe=True)
    assert 100 <= sum(len(piece.payloads) for piece in pacer.take(0.0)) <= 106
    assert pacer.wait_seconds() is not None


def test_what_waits_too_long_is_dropped_up_to_the_next_keyframe() -> None:
    pacer = Pacer(500_000, queue_seconds_max=1.0)
    assert pacer.push([PAYLOAD] * 100, 1, is_keyframe=True) == 0
    assert pacer.push([PAYLOAD], 2, is_keyframe=False) == 1
    drained(pacer)
    assert pacer.push([PAYLOAD], 3, is_keyframe=False) == 1, "it builds on the frame that was dropped"
    assert pacer.push([PAYLOAD], 4, is_keyframe=True) == 0
    assert pacer.push([PAYLOAD], 5, is_keyframe=False) == 0


def test_a_keyframe_drops_what_waits_before_it_but_never_half_a_frame() -> None:
    pacer = Pacer(500_000, queue_seconds_max=0.5)
    pacer.push([PAYLOAD] * 25, 1, is_keyframe=True)
    begun = sum(len(piece.payloads) for piece in pacer.take(0.0))
    assert 0 < begun < 25
    assert pacer.push([PAYLOAD] * 6, 2, is_keyframe=False) == 0
    assert pacer.push([PAYLOAD] * 30, 3, is_keyframe=True) == 1
    timestamps = [piece.timestamp for _, piece in drained(pacer, 0.1)]
    assert sorted(set(timestamps)) == [1, 3]
    assert pacer.queue_bytes == 0


def test_repairs_go_first_but_not_without_end() -> None:
    pacer = Pacer(500_000)
    repaired = sum(pacer.may_repeat(1000, 0.0) for _ in range(200))
    assert 10 <= repaired <= 20
    assert pacer.may_repeat(1000, 10.0)


def test_a_browsers_estimate_of_what_it_gets_does_not_make_keyframes_late() -> None:
    """1 Mbit/s of video, of which it says 1.5; a keyframe is five times an ordinary frame."""
    pacer = Pacer(1_500_000, share=BROWSER_SHARE)
    pacer.push([PAYLOAD] * 25, 1, is_keyframe=True)
    assert drained(pacer)[-1][0] < 0.04


def test_a_new_estimate_counts_at_once() -> None:
    pacer = Pacer(100_000)
    pacer.push([PAYLOAD] * 100, 1, is_keyframe=True)
    pacer.take(0.0)
    slow = pacer.queue_seconds
    pacer.set_estimate(10_000_000)
    assert pacer.queue_seconds < slow / 50
    assert drained(pacer)[-1][0] < 0.2


def test_while_it_is_held_only_the_burst_leaves_and_nothing_counts_as_late() -> None:
    for estimate in (None, 500_000):
        pacer = Pacer(estimate)
        pacer.allow_burst(5 * WIRE_BYTES)
        pacer.is_held = True
        for number in range(400):
            assert pacer.push([PAYLOAD] * 4, number, is_keyframe=number == 0) == 0
        assert sum(len(piece.payloads) for piece in pacer.take(0.0)) == 5
        assert pacer.take(10.0) == []
        assert pacer.wait_seconds() is None
        assert pacer.queue_seconds == 0
        assert pacer.pass_at_once([PAYLOAD], 10.0) is None
        pacer.is_held = False
        assert pacer.take(10.0)
