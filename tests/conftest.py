"""Every test runs under the guards (tests/guards/); those marked `browser` run where Chromium is."""

import shutil

import pytest
from hypothesis import HealthCheck, settings

from tests.guards.blocking import blocking_calls_raise, event_loop_is_never_blocked
from tests.guards.descriptors import no_descriptor_is_left
from tests.guards.environment import clean_environment, environment_is_left_as_found
from tests.guards.loggers import loggers_are_as_they_come
from tests.guards.tasks import no_task_is_left
from tests.guards.threads import no_thread_is_left

__all__ = [
    "blocking_calls_raise",
    "clean_environment",
    "environment_is_left_as_found",
    "event_loop_is_never_blocked",
    "loggers_are_as_they_come",
    "no_descriptor_is_left",
    "no_task_is_left",
    "no_thread_is_left",
]

settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")  # no test may fail for want of speed
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests of the page where no browser is installed."""
    for item in items:
        if CHROMIUM is None and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason="needs Chromium: apt install chromium"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser, for Playwright's `executable_path`."""
    assert CHROMIUM is not None, "mark the test with pytest.mark.browser"
    return CHROMIUM
