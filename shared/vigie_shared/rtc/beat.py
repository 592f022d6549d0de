"""Timers of many connections that fall due together: a hundred viewers then wake their process ten times a second for
their reports, not a hundred times.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Final

REPORT_BEAT_SECONDS: Final = 0.1


def call_on_beat(seconds: float, beat_seconds: float, call: Callable[[], object]) -> asyncio.TimerHandle:
    """Call it on the first beat that is at least so far away; beats are the same for all in this event loop."""
    loop = asyncio.get_running_loop()
    return loop.call_at(math.ceil((loop.time() + seconds) / beat_seconds) * beat_seconds, call)
