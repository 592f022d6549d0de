"""How much of a day's quota is used, and who may still use it; sans I/O. Days are those of UTC."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from vigie_shared.link import Priority

SHARES: Final[dict[Priority, float]] = {
    "bulk": 0.6,
    "evidence": 0.7,
    "clip": 0.8,
    "crop": 0.9,
    "live": 0.9,
    "index": 0.95,
    "motion": 0.95,
    "read": 1.0,
}
"""Up to which share of the quota each may go. What is not named always leaves."""
DAYS_KEPT: Final = 3


class DailyQuota:
    """Counts bytes by day. A clock that goes back to an earlier day brings no fresh quota with it."""

    def __init__(self, quota_bytes: int | None, used: dict[str, int] | None = None) -> None:
        """`used` is what `used` gave before a restart."""
        self.quota_bytes = quota_bytes
        self._used = {date.fromisoformat(day): count for day, count in (used or {}).items()}
        self._day = max(self._used, default=date.min)

    @property
    def used(self) -> dict[str, int]:
        """Bytes by day, of the last days: to be kept over a restart."""
        return {day.isoformat(): count for day, count in self._used.items()}

    def used_today(self, now: datetime) -> int:
        """Bytes of this day."""
        self._turn(now)
        return self._used.get(self._day, 0)

    def spend(self, size: int, now: datetime) -> None:
        """`size` bytes left."""
        self._turn(now)
        self._used[self._day] = self._used.get(self._day, 0) + size

    def allows(self, priority: Priority, now: datetime) -> bool:
        """Whether this day's quota has room for `priority`."""
        if self.quota_bytes is None or priority not in SHARES:
            return True
        return self.used_today(now) < SHARES[priority] * self.quota_bytes

    @staticmethod
    def renews_in_seconds(now: datetime) -> float:
        """How long until the next day."""
        midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(tzinfo=UTC))
        return (midnight - now).total_seconds()

    def _turn(self, now: datetime) -> None:
        today = now.astimezone(UTC).date()
        if today == self._day:
            return
        if today < self._day:  # the clock was ahead: what left meanwhile left today
            ahead = [day for day in self._used if day > today]
            self._used[today] = self._used.get(today, 0) + sum(self._used.pop(day) for day in ahead)
        self._day = today
        self._used = {day: self._used[day] for day in sorted(self._used)[-DAYS_KEPT:]}
