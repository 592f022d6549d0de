"""What may use the link: metered, windows by local time, quota."""

from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from vigie_agent.uplink.daily_quota import DailyQuota
from vigie_agent.uplink.link_rules import LinkRules
from vigie_agent.uplink.link_settings import LinkSettings, LinkWindow
from vigie_shared.link import PRIORITIES

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NIGHT = LinkWindow(priorities=("bulk", "evidence"), opens=time(23), closes=time(5))
MORNING = LinkWindow(priorities=("bulk",), opens=time(1), closes=time(5))


def rules(settings: LinkSettings) -> LinkRules:
    return LinkRules(settings, DailyQuota(settings.quota_bytes))


def test_a_mobile_link_carries_only_what_somebody_waits_for() -> None:
    lte = rules(LinkSettings(kind="lte"))
    assert [one for one in PRIORITIES if lte.barrier(one, NOON)] == ["evidence", "bulk"]
    assert lte.wait_seconds("bulk", NOON) is None
    assert rules(LinkSettings(kind="lte", metered=False)).barrier("bulk", NOON) is None
    assert rules(LinkSettings(kind="wire", metered=True)).barrier("bulk", NOON) == "metered"


def test_the_operator_says_what_a_metered_link_carries() -> None:
    strict = rules(LinkSettings(kind="lte", metered_priorities=("hit", "heartbeat")))
    assert [one for one in PRIORITIES if not strict.barrier(one, NOON)] == ["hit", "heartbeat"]


@pytest.mark.parametrize(
    ("hour", "open_", "wait_hours"), [(0, False, 1), (1, True, 0), (4, True, 0), (5, False, 20), (12, False, 13)]
)
def test_a_window_opens_and_closes(hour: int, open_: bool, wait_hours: int) -> None:
    found = rules(LinkSettings(windows=(MORNING,)))
    now = NOON.replace(hour=hour)
    assert (found.barrier("bulk", now) is None) == open_
    assert found.wait_seconds("bulk", now) == wait_hours * 3600
    assert found.barrier("clip", now) is None


@pytest.mark.parametrize(("hour", "open_"), [(22, False), (23, True), (2, True), (5, False)])
def test_a_window_may_span_midnight(hour: int, open_: bool) -> None:
    assert (rules(LinkSettings(windows=(NIGHT,))).barrier("evidence", NOON.replace(hour=hour)) is None) == open_


def test_windows_add_up_and_the_next_one_counts() -> None:
    found = rules(LinkSettings(windows=(MORNING, NIGHT)))
    assert found.wait_seconds("bulk", NOON) == 11 * 3600
    assert found.barrier("bulk", NOON.replace(hour=23)) is None


def test_windows_are_of_the_boxs_own_time() -> None:
    local = NOON.replace(hour=2).astimezone(timezone(timedelta(hours=5)))
    assert rules(LinkSettings(windows=(MORNING,))).barrier("bulk", local) == "window"


def test_a_used_up_quota_holds_back_until_midnight() -> None:
    quota = DailyQuota(1_000_000)
    quota.spend(900_000, NOON)
    found = LinkRules(LinkSettings(quota_mb_per_day=1), quota)
    assert (found.barrier("clip", NOON), found.barrier("read", NOON)) == ("quota", None)
    assert found.wait_seconds("clip", NOON) == 12 * 3600
