"""No test may leave a thread running."""

import threading
from collections.abc import Iterator
from typing import Final

import pytest

GRACE_SECONDS: Final = 2.0
"""How long a thread that was told to stop may take to do so."""

SHARED_BY_TESTS: Final = (
    "pytest_timeout",  # watches the test, outlives it by a moment
    "AnyIO worker thread",  # Starlette's pool: lives as long as its loop
    "asyncio_",  # the loop's own pool: ends with the loop
)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Fail a test that leaves a thread running."""
    before = set(threading.enumerate())
    yield
    left = []
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith(SHARED_BY_TESTS):
            thread.join(GRACE_SECONDS)
            if thread.is_alive():
                left.append(thread.name)
    if left:
        pytest.fail(f"threads left running: {', '.join(sorted(left))}", pytrace=False)
