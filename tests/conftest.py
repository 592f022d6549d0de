"""Every test runs under the guards (tests/guards/)."""

from tests.guards.blocking import blocking_calls_raise, event_loop_is_never_blocked
from tests.guards.descriptors import no_descriptor_is_left
from tests.guards.environment import clean_environment, environment_is_left_as_found
from tests.guards.tasks import no_task_is_left
from tests.guards.threads import no_thread_is_left

__all__ = [
    "blocking_calls_raise",
    "clean_environment",
    "environment_is_left_as_found",
    "event_loop_is_never_blocked",
    "no_descriptor_is_left",
    "no_task_is_left",
    "no_thread_is_left",
]
