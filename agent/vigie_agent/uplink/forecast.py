"""When what waits will have left; sans I/O."""

import math
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from vigie_agent.uplink.daily_quota import SHARES, DailyQuota
from vigie_agent.uplink.link_rules import LinkRules
from vigie_shared.link import ITEMS_MAX, PRIORITIES, Priority, QueuedItem, QueueReport

DAY_SECONDS: Final = 86_400.0
LABEL_CHARS_MAX: Final = 64


class Queued:
    """Something that waits; whoever made it keeps `bytes` true."""

    __slots__ = ("bytes", "label", "priority")

    def __init__(self, priority: Priority, label: str | None) -> None:
        self.priority = priority
        self.label = label
        self.bytes = 0


class Forecast:
    """Adds up what waits in the order in which it leaves."""

    def __init__(self, rules: LinkRules, quota: DailyQuota) -> None:
        self._rules = rules
        self._quota = quota

    def reports(self, queued: Iterable[Queued], bytes_per_second: float | None, now: datetime) -> list[QueueReport]:
        """One a priority with something waiting, the most urgent first; `now` in the box's local time."""
        waiting: dict[Priority, list[Queued]] = {priority: [] for priority in PRIORITIES}
        for one in queued:
            if one.bytes > 0:
                waiting[one.priority].append(one)
        ahead_bytes = 0
        reports: list[QueueReport] = []
        for priority, items in waiting.items():
            if items:
                reports.append(self._report(priority, items, ahead_bytes, bytes_per_second, now))
                if reports[-1].waits_for is None:
                    ahead_bytes += reports[-1].bytes
        return reports

    def _report(
        self, priority: Priority, items: list[Queued], ahead_bytes: int, rate: float | None, now: datetime
    ) -> QueueReport:
        told: list[QueuedItem] = []
        total = 0
        for one in items:
            total += one.bytes
            if one.label is not None and len(told) < ITEMS_MAX:
                eta = self._eta_seconds(priority, ahead_bytes, total, rate, now)
                told.append(QueuedItem(label=one.label[:LABEL_CHARS_MAX], bytes=one.bytes, eta_seconds=eta))
        return QueueReport(
            priority=priority,
            bytes=total,
            eta_seconds=self._eta_seconds(priority, ahead_bytes, total, rate, now),
            waits_for=self._rules.barrier(priority, now),
            items=tuple(told),
        )

    def _eta_seconds(
        self, priority: Priority, ahead_bytes: int, own_bytes: int, rate: float | None, now: datetime
    ) -> float | None:
        wait_seconds = self._rules.wait_seconds(priority, now)
        if wait_seconds is None:
            return None
        per_byte = 1 / rate if rate else 0.0
        seconds = max(wait_seconds, ahead_bytes * per_byte) + own_bytes * per_byte
        return round(max(seconds, self._quota_seconds(priority, ahead_bytes + own_bytes, now)), 1)

    def _quota_seconds(self, priority: Priority, wanted_bytes: int, now: datetime) -> float:
        """Until a day comes whose quota has room for the last of it."""
        if self._quota.quota_bytes is None or priority not in SHARES:
            return 0.0
        share = SHARES[priority] * self._quota.quota_bytes
        lacking = wanted_bytes - (share - self._quota.used_today(now))
        if lacking <= 0:
            return 0.0
        return self._quota.renews_in_seconds(now) + (math.ceil(lacking / share) - 1) * DAY_SECONDS
