"""Identifiers are safe in a subject, a file name and a URL, and sort by time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from vigie_shared.ids import AgentId, UniqueId, is_name, unique_id

AT = datetime(2026, 3, 1, 8, tzinfo=UTC)
UNIQUE: TypeAdapter[str] = TypeAdapter(UniqueId)
AGENT: TypeAdapter[str] = TypeAdapter(AgentId)


@pytest.mark.parametrize("text", ["a", "7", "rabat-crossing-1", "x" * 32])
def test_names_of_letters_digits_and_dashes_are_taken(text: str) -> None:
    assert is_name(text)
    assert AGENT.validate_python(text) == text


@pytest.mark.parametrize(
    "text", ["", "-a", "A", "a.b", "a*", ">", "a b", "a/b", "..", "x" * 33, "é", "a\n", "٣"], ids=repr
)
def test_names_that_would_change_a_subject_or_a_path_are_refused(text: str) -> None:
    assert not is_name(text)
    with pytest.raises(ValidationError):
        AGENT.validate_python(text)


@given(st.datetimes(datetime(2020, 1, 1), datetime(2200, 1, 1)))  # noqa: DTZ001
def test_an_identifier_of_any_time_is_valid(at: datetime) -> None:
    made = unique_id(at.replace(tzinfo=UTC))
    assert UNIQUE.validate_python(made) == made


def test_identifiers_sort_by_time_to_the_millisecond() -> None:
    made = [unique_id(AT + timedelta(milliseconds=number)) for number in range(100)]
    assert made == sorted(made)


def test_identifiers_of_the_same_instant_differ() -> None:
    assert len({unique_id(AT) for _ in range(1000)}) == 1000
