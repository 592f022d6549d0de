import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_hub.api import cursors
from vigie_hub.api.problems import ProblemError


@given(st.text(max_size=30), st.integers())
def test_keys_come_back(text: str, number: int) -> None:
    assert cursors.unpack(cursors.pack(text, number), str, int) == [text, number]


@given(st.text(max_size=400))
def test_anything_else_is_a_problem_and_no_failure(text: str) -> None:
    with pytest.raises(ProblemError, match="bad-cursor"):
        cursors.unpack(text, str, int, str)


def test_keys_of_another_list_are_refused() -> None:
    with pytest.raises(ProblemError):
        cursors.unpack(cursors.pack("a", True), str, int)
