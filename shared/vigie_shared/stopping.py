"""How a process is asked to end: SIGINT and SIGTERM, as an event that its `app.py` waits for, and how its tasks end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

AGAIN_SECONDS: Final = 10.0
"""Longer than any task needs to leave in order."""
SOON_SECONDS: Final = 0.2


class Stop(asyncio.Event):
    """Set once the process is asked to end."""

    def __init__(self) -> None:
        super().__init__()
        self._spared = asyncio.all_tasks()

    async def end(self, tasks: Iterable[asyncio.Task[Any]], late: Callable[[list[str]], None]) -> None:
        """Cancel `tasks` and wait for them.

        A cancellation can be lost on its way: nats-py's `_flush_pending` and Python 3.11's `wait_for` swallow some.
        So where they have not ended in time, `late` hears who is there, and all tasks since the start are cancelled.
        """
        waiting = set(tasks)
        for task in waiting:
            task.cancel()
        while waiting:
            _ended, waiting = await asyncio.wait(waiting, timeout=AGAIN_SECONDS)
            if waiting:
                deaf = asyncio.all_tasks() - self._spared - {asyncio.current_task()}
                late(sorted(task.get_name() for task in deaf))
                for task in deaf:
                    task.cancel()


async def ended(task: asyncio.Task[Any]) -> None:
    """Cancel `task` until it has ended, for a cancellation can be lost as `Stop.end` says.

    That is waited for where the caller is cancelled meanwhile, too. For tasks that end at once.
    """
    interrupted = False
    while not task.done():
        task.cancel()
        try:
            await asyncio.wait((task,), timeout=SOON_SECONDS)
        except asyncio.CancelledError:
            interrupted = True
    if interrupted:
        raise asyncio.CancelledError


@contextlib.contextmanager
def stop_signals() -> Iterator[Stop]:
    """An event that SIGINT and SIGTERM set."""
    stop, loop = Stop(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
