"""Every test starts with loggers as they come: none is bound to what an earlier test, or a command in it, chose."""

from collections.abc import Iterator
from functools import partial

import pytest
import structlog


@pytest.fixture(autouse=True)
def loggers_are_as_they_come(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A logger that caches its first configuration would be deaf to `structlog.testing.capture_logs` for good."""
    monkeypatch.setattr(structlog, "configure", partial(_configure_for_now, structlog.configure))
    yield
    structlog.reset_defaults()


def _configure_for_now(configure: object, *arguments: object, **settings: object) -> None:
    assert callable(configure)
    configure(*arguments, **{**settings, "cache_logger_on_first_use": False})
