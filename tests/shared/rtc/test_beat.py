"""What is due at about the same time is done at the same time, and never too early."""

import asyncio

from vigie_shared.rtc.beat import call_on_beat


async def test_timers_of_one_beat_fall_due_together_and_none_too_early() -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    timers = [call_on_beat(100 + number / 1000, 0.05, lambda: None) for number in range(50)]
    times = {timer.when() for timer in timers}
    assert len(times) <= 3
    for number, timer in enumerate(timers):
        assert 0 <= timer.when() - begin - 100 - number / 1000 < 0.1
        timer.cancel()


async def test_it_is_called() -> None:
    called = asyncio.Event()
    call_on_beat(0.001, 0.005, called.set)
    async with asyncio.timeout(5):
        await called.wait()
