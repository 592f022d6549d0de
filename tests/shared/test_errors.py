"""The tree of errors: all can be shown to an operator, and each says whether a retry helps."""

import inspect

import pytest

from vigie_shared import errors

ALL = [kind for _name, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", ALL)
def test_every_error_is_of_the_one_tree_and_drawn_in_it(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.VigieError)
    assert kind.__name__ in (errors.__doc__ or "")


def test_retry_helps_exactly_where_the_drawing_says_so() -> None:
    drawn = {kind for kind in ALL if f"{kind.__name__} " in _lines_with("(retry helps)")}
    assert {kind for kind in ALL if kind.__dict__.get("retryable")} == drawn


def _lines_with(mark: str) -> str:
    return "\n".join(line for line in (errors.__doc__ or "").splitlines() if mark in line)
