"""No test, and no `asyncio.run`, may end while tasks are still running."""

import asyncio
import asyncio.runners
from collections.abc import Iterator
from typing import Final

import pytest

GRACE_SECONDS: Final = 1.0
"""How long tasks that are already ending may take to do so."""


def _unfinished(loop: asyncio.AbstractEventLoop) -> set[asyncio.Task[object]]:
    tasks = asyncio.all_tasks(loop)
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=GRACE_SECONDS))
    return {task for task in tasks if not task.done()}


@pytest.fixture(scope="session", autouse=True)
def no_task_is_left() -> Iterator[None]:
    """Fail where a loop is closed while tasks run: `asyncio.Runner` would cancel them without a word."""
    cancel_all_tasks = asyncio.runners._cancel_all_tasks  # type: ignore[attr-defined]

    def cancel_and_complain(loop: asyncio.AbstractEventLoop) -> None:
        left = _unfinished(loop)
        cancel_all_tasks(loop)
        if left:
            names = sorted(getattr(task.get_coro(), "__qualname__", task.get_name()) for task in left)
            pytest.fail(f"tasks left running: {', '.join(names)}", pytrace=False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio.runners, "_cancel_all_tasks", cancel_and_complain)
        yield
