"""Times on the wire are aware and in UTC, whatever zone they were written in."""

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter, ValidationError

from vigie_shared.clock import SystemClock, UtcDatetime

TIME: TypeAdapter[datetime] = TypeAdapter(UtcDatetime)


def test_another_zone_becomes_utc() -> None:
    read = TIME.validate_json('"2026-03-01T09:30:00+01:00"')
    assert read == datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
    assert read.tzinfo is UTC
    assert TIME.dump_json(read) == b'"2026-03-01T08:30:00Z"'


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError):
        TIME.validate_json('"2026-03-01T09:30:00"')


def test_the_systems_clock_is_aware_and_its_monotonic_never_goes_back() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    readings = [clock.monotonic_seconds() for _ in range(100)]
    assert readings == sorted(readings)
