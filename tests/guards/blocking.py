"""No code of ours may block the event loop: files, SQLite, locks and sleeps belong in threads."""

from collections.abc import Iterator
from typing import Final

import blockbuster.blockbuster as machinery
import pytest

OURS: Final = ("vigie_shared", "vigie_agent", "vigie_hub")
"""A blocking call counts where one of these packages is on the stack; what libraries do alone is their own affair."""

ALLOWED: Final[tuple[tuple[str, str, str, str], ...]] = (
    # function, end of a file's name, function in it, why it may
    ("os.stat", "jinja2/loaders.py", "get_source", "a template's date, from the page cache, while developing"),
    ("io.TextIOWrapper.read", "jinja2/loaders.py", "get_source", "a template is read once and kept"),
    ("io.BufferedReader.read", "vigie_shared/i18n.py", "translations", "a catalogue is read once and kept"),
    ("os.stat", "vigie_shared/i18n.py", "translations", "a catalogue is read once and kept"),
    (
        "os.stat",
        "fastapi/routing.py",
        "_extract_endpoint_context",
        "where a route is defined, once a route, for its errors",
    ),
)


class RecordedBlockingError(machinery.BlockingError):
    """Remembers every call, so that a handler which swallows the error does not hide it."""

    seen: Final[list[str]] = []

    def __init__(self, func: str) -> None:
        super().__init__(func)
        self.seen.append(func)


@pytest.fixture(scope="session", autouse=True)
def blocking_calls_raise() -> Iterator[None]:
    """Arm blockbuster once: arming costs more than most tests."""
    original = machinery.BlockingError
    machinery.BlockingError = RecordedBlockingError  # type: ignore[misc]
    with machinery.blockbuster_ctx(list(OURS)) as guard:
        for function, file, inside, _why in ALLOWED:
            guard.functions[function].can_block_in(file, inside)
        yield
    machinery.BlockingError = original  # type: ignore[misc]


@pytest.fixture(autouse=True)
def event_loop_is_never_blocked(blocking_calls_raise: None) -> Iterator[None]:
    """Fail a test whose event loop was blocked, even where the error was swallowed."""
    RecordedBlockingError.seen.clear()
    yield
    if RecordedBlockingError.seen:
        pytest.fail(f"the event loop was blocked by {', '.join(RecordedBlockingError.seen)}", pytrace=False)
