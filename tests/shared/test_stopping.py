"""A process that is asked to end hears it once, and leaves the signals as it found them."""

import asyncio
import os
import signal

import pytest

from vigie_shared.stopping import stop_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_either_signal_sets_the_event_and_nothing_stays_behind(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with stop_signals() as stop:
        assert not stop.is_set()
        os.kill(os.getpid(), number)
        await asyncio.wait_for(stop.wait(), 10)
    if number is signal.SIGTERM:
        assert signal.getsignal(number) == before
