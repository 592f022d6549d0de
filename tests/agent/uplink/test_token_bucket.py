"""The rate holds in every window, whatever comes and whenever."""

from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.uplink.token_bucket import TokenBucket

EVENTS = st.lists(st.tuples(st.floats(0, 3), st.integers(1, 20_000)), min_size=1, max_size=60)


@given(rate=st.floats(1_000, 1_000_000), events=EVENTS)
def test_no_window_sees_more_than_the_rate_and_one_burst_or_item(rate: float, events: list[tuple[float, int]]) -> None:
    bucket, now = TokenBucket(rate, 0.0), 0.0
    left: list[tuple[float, int]] = []
    for pause, size in events:
        now += pause
        now += bucket.ready_in_seconds(size, now)
        bucket.spend(size, now)
        left.append((now, size))
    allowance = max(bucket.burst_bytes, *(size for _at, size in left)) + 1
    for index, (start, _size) in enumerate(left):
        total = 0
        for at, size in left[index:]:
            total += size
            assert total <= rate * (at - start) + allowance


def test_what_is_larger_than_the_burst_leaves_when_the_bucket_is_full() -> None:
    bucket = TokenBucket(8_000, 0.0)
    assert bucket.ready_in_seconds(50_000, 0.0) == 0
    bucket.spend(50_000, 0.0)
    assert bucket.ready_in_seconds(1, 0.0) > 6
    assert bucket.ready_in_seconds(50_000, 0.0) == 50_000 / 8_000


def test_a_clock_that_stands_or_goes_back_gives_nothing_away() -> None:
    bucket = TokenBucket(8_000, 10.0)
    bucket.spend(1_600, 10.0)
    assert bucket.ready_in_seconds(1_600, 3.0) == bucket.ready_in_seconds(1_600, 10.0) == 0.2


def test_a_new_rate_counts_from_now_on() -> None:
    bucket = TokenBucket(8_000, 0.0)
    bucket.spend(1_600, 0.0)
    bucket.set_rate(80_000, 0.0)
    assert bucket.ready_in_seconds(800, 0.0) == 0.01


def test_without_a_rate_everything_leaves() -> None:
    bucket = TokenBucket(None, 0.0)
    bucket.spend(10**12, 0.0)
    assert bucket.ready_in_seconds(10**12, 0.0) == 0
