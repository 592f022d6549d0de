"""The end of an agent: what its last clips say leaves while there is a link; the rest waits for the next start."""

import asyncio
import contextlib
from typing import Final

import structlog

from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_shared.errors import StoreError

LEAVE_SECONDS_MAX: Final = 3.0
"""Services are killed 10 s after they were asked to end, by Docker for one; cameras and plates need some of that."""
_LOOK_SECONDS: Final = 0.05

log = structlog.get_logger(__name__)


async def last_events_left(store: Store, budget: LinkBudget, seconds_max: float = LEAVE_SECONDS_MAX) -> bool:
    """Wait until the hub has signed for all events, the link is gone, or it takes too long; True where it has."""
    waiting = 0
    with contextlib.suppress(TimeoutError, StoreError):
        async with asyncio.timeout(seconds_max):
            await asyncio.wrap_future(store.written())
            while waiting := await asyncio.to_thread(_waiting, store):
                if not budget.is_connected:
                    break
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                return True
    log.info("events wait for the next start", events=waiting)
    return False


def _waiting(store: Store) -> int:
    receipted = store.receipted()
    return sum(max(0, newest - receipted.get(lane, 0)) for lane, newest in store.newest().items())
