"""Who waits for an agent, and hears that it is back."""

import asyncio
import contextlib
from collections import defaultdict


class Comings:
    """Used from one event loop."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    def came(self, agent_id: str) -> None:
        """It gave a sign of life."""
        for event in self._waiting.get(agent_id, ()):
            event.set()

    async def wait(self, agent_id: str, seconds: float) -> None:
        """Return when it comes, or after `seconds`."""
        event = asyncio.Event()
        self._waiting[agent_id].add(event)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await event.wait()
        finally:
            self._waiting[agent_id].discard(event)
            if not self._waiting[agent_id]:
                del self._waiting[agent_id]
