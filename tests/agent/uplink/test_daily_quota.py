"""A day's quota: over midnight, over restarts, and with clocks that jump."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.uplink.daily_quota import SHARES, DailyQuota
from vigie_shared.link import PRIORITIES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_footage_stops_first_and_alerts_never() -> None:
    quota = DailyQuota(1_000)
    stopped = []
    for _step in range(100):
        quota.spend(10, NOON)
        stopped += [one for one in PRIORITIES if one not in stopped and not quota.allows(one, NOON)]
    footage = [one for one in stopped if one not in ("index", "motion")]
    assert footage == ["bulk", "evidence", "clip", "live", "crop", "read"]
    assert [one for one in PRIORITIES if one not in stopped] == ["hit", "gap", "heartbeat"]


def test_midnight_in_utc_brings_a_fresh_quota() -> None:
    quota = DailyQuota(1_000)
    quota.spend(5_000, NOON)
    assert quota.renews_in_seconds(NOON) == 12 * 3600
    assert not quota.allows("read", NOON + timedelta(hours=11, minutes=59))
    assert quota.allows("bulk", NOON + timedelta(hours=12))
    assert quota.used_today(NOON + timedelta(hours=12)) == 0


def test_what_was_used_is_known_after_a_restart() -> None:
    quota = DailyQuota(1_000)
    quota.spend(700, NOON)
    again = DailyQuota(1_000, quota.used)
    assert again.used_today(NOON) == 700
    assert not again.allows("bulk", NOON)
    assert again.allows("clip", NOON)


def test_a_clock_that_was_ahead_takes_its_bytes_back_with_it() -> None:
    quota = DailyQuota(1_000)
    quota.spend(300, NOON)
    quota.spend(400, NOON + timedelta(days=4_000))
    assert quota.used_today(NOON) == 700
    assert DailyQuota(1_000, quota.used).used_today(NOON) == 700


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(0, 1_000), st.booleans()), max_size=40))
def test_no_jump_of_the_clock_forgets_what_left_on_the_day_it_ends_on(steps: list[tuple[int, int, bool]]) -> None:
    """Whatever days the clock showed: what left while it showed this day or a later one counts today."""
    quota, day = DailyQuota(10**9), 0
    spent: list[tuple[int, int]] = []
    for days, size, restarts in steps:
        day += days
        quota.spend(size, NOON + timedelta(days=day))
        spent.append((day, size))
        if restarts:
            quota = DailyQuota(10**9, quota.used)
    last_earlier = max((index for index, (shown, _size) in enumerate(spent) if shown < day), default=-1)
    since = sum(size for _shown, size in spent[last_earlier + 1 :])
    assert quota.used_today(NOON + timedelta(days=day)) >= since


def test_every_share_is_one_that_a_priority_may_have() -> None:
    shares = [SHARES.get(priority, 1.0) for priority in PRIORITIES]
    assert shares == sorted(shares, reverse=True)
