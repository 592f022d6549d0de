"""When what waits will have left."""

from datetime import UTC, datetime, time

import pytest

from vigie_agent.uplink.daily_quota import DailyQuota
from vigie_agent.uplink.forecast import Forecast, Queued
from vigie_agent.uplink.link_rules import LinkRules
from vigie_agent.uplink.link_settings import LinkSettings, LinkWindow
from vigie_shared.link import ITEMS_MAX, Priority, QueueReport

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def waiting(priority: Priority, size: int, label: str | None = None) -> Queued:
    queued = Queued(priority, label)
    queued.bytes = size
    return queued


def reports(*queued: Queued, link: LinkSettings | None = None, used: int = 0) -> list[QueueReport]:
    link = link or LinkSettings()
    quota = DailyQuota(link.quota_bytes)
    quota.spend(used, NOON)
    return Forecast(LinkRules(link, quota), quota).reports(queued, 1_000.0, NOON)


def test_each_waits_for_what_is_more_urgent_and_for_itself() -> None:
    found = reports(waiting("clip", 5_000, "a"), waiting("hit", 1_000), waiting("clip", 2_000, "b"), waiting("gap", 0))
    assert [(one.priority, one.bytes, one.eta_seconds) for one in found] == [("hit", 1_000, 1), ("clip", 7_000, 8)]
    assert [(item.label, item.eta_seconds) for item in found[1].items] == [("a", 6), ("b", 8)]


def test_a_window_a_metered_link_and_a_quota_say_when_or_never() -> None:
    window = LinkWindow(priorities=("evidence",), opens=time(13), closes=time(14))
    found = reports(waiting("evidence", 60_000), waiting("bulk", 10), link=LinkSettings(windows=(window,)))
    assert [(one.waits_for, one.eta_seconds) for one in found] == [("window", 3_660), (None, 0)]
    (never,) = reports(waiting("bulk", 10), link=LinkSettings(kind="lte"))
    assert (never.waits_for, never.eta_seconds) == ("metered", None)


@pytest.mark.parametrize(("size", "days"), [(10_000, 0), (500_000, 1), (800_000, 1), (1_300_000, 2)])
def test_more_than_a_day_may_carry_takes_days(size: int, days: int) -> None:
    (found,) = reports(waiting("clip", size), link=LinkSettings(quota_mb_per_day=1), used=400_000)
    assert found.eta_seconds == (size / 1_000 if not days else 12 * 3600 + (days - 1) * 86_400)


def test_a_long_queue_is_told_in_part_and_summed_up_whole() -> None:
    (found,) = reports(*(waiting("clip", 100, f"clip {number}") for number in range(50)))
    assert (found.bytes, len(found.items)) == (5_000, ITEMS_MAX)
