"""Times: aware UTC on the wire, with the clock that they were read from."""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, AwareDatetime


def _to_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("time is outside of the years 1 to 9999 in UTC") from error


UtcDatetime = Annotated[AwareDatetime, AfterValidator(_to_utc)]

ClockSource = Literal["system", "ntp", "gnss", "camera"]


class Clock(Protocol):
    """Where a service reads the time; tests hand in their own."""

    def now(self) -> datetime:
        """The time now, aware UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Seconds that never run backwards."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The time now, aware UTC."""
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()
