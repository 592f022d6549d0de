"""A process that is asked to end hears it once, and leaves the signals as it found them."""

import asyncio
import contextlib
import os
import signal

import pytest

from vigie_shared import stopping
from vigie_shared.stopping import ended, stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_either_signal_sets_the_event_and_nothing_stays_behind(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 10)
    if number is signal.SIGTERM:
        assert signal.getsignal(number) == before


async def test_a_task_that_lost_its_cancellation_is_told_again_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deep in a group of its own, where nobody else reaches it."""
    monkeypatch.setattr(stopping, "AGAIN_SECONDS", 0.1)
    late: list[list[str]] = []
    lost = asyncio.Event()

    async def swallows_one() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    async def group() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(swallows_one(), name="deaf")

    other = asyncio.create_task(asyncio.sleep(3600), name="not of this process")
    with stop_signals() as stop:
        running = asyncio.create_task(group(), name="group")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await stop.end([running], late.append)
    assert lost.is_set()
    assert late == [["deaf", "group"]]
    assert not other.done()
    other.cancel()


async def test_a_task_is_told_to_end_until_it_does_even_where_the_caller_is_cancelled() -> None:
    begun, lost = asyncio.Event(), asyncio.Event()

    async def swallows_one() -> None:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        lost.set()
        await asyncio.Event().wait()

    deaf = asyncio.create_task(swallows_one())
    await begun.wait()
    ending = asyncio.create_task(ended(deaf))
    await lost.wait()
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert deaf.cancelled()
