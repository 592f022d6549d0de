"""What may use the link now: metered links, times of day, the day's quota; sans I/O."""

from datetime import datetime, time, timedelta

from vigie_agent.uplink.daily_quota import DailyQuota
from vigie_agent.uplink.link_settings import LinkSettings, LinkWindow
from vigie_shared.link import Barrier, Priority


class LinkRules:
    """Asked with the time in the box's own time zone."""

    def __init__(self, settings: LinkSettings, quota: DailyQuota) -> None:
        self._settings = settings
        self._quota = quota

    def barrier(self, priority: Priority, now: datetime) -> Barrier | None:
        """What keeps `priority` from leaving now."""
        if self._settings.is_metered and priority not in self._settings.metered_priorities:
            return "metered"
        windows = self._windows(priority)
        if windows and not any(_is_open(window, now.time()) for window in windows):
            return "window"
        return None if self._quota.allows(priority, now) else "quota"

    def wait_seconds(self, priority: Priority, now: datetime) -> float | None:
        """How long until `priority` may leave; None where this link never carries it."""
        match self.barrier(priority, now):
            case None:
                return 0.0
            case "metered":
                return None
            case "quota":
                return self._quota.renews_in_seconds(now)
            case "window":
                return min(_opens_in_seconds(window, now) for window in self._windows(priority))

    def _windows(self, priority: Priority) -> list[LinkWindow]:
        return [window for window in self._settings.windows if priority in window.priorities]


def _is_open(window: LinkWindow, now: time) -> bool:
    now = now.replace(tzinfo=None)
    if window.opens <= window.closes:
        return window.opens <= now < window.closes
    return now >= window.opens or now < window.closes


def _opens_in_seconds(window: LinkWindow, now: datetime) -> float:
    opening = datetime.combine(now.date(), window.opens, now.tzinfo)
    if opening <= now:
        opening += timedelta(days=1)
    return (opening - now).total_seconds()
