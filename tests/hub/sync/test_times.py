from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from vigie_hub.database import iso
from vigie_hub.sync.times import iso_of_us
from vigie_shared.columns.kinds import to_us


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_as_the_schema_keeps_it(at: datetime) -> None:
    assert iso_of_us(to_us(at)) == iso(at)
