"""Upkeep: what the hub has for long enough leaves the store, and gaps that the disk refused are tried again."""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from vigie_agent.logs import FaultLog
from vigie_agent.store.store import Store
from vigie_shared.errors import StoreError

log = structlog.get_logger(__name__)

ROUND_SECONDS: Final = 60.0


class Upkeep:
    """A small round each minute."""

    def __init__(self, store: Store, *, keep_sent: timedelta, keep_crops: timedelta) -> None:
        self._store = store
        self._keep_sent = keep_sent
        self._keep_crops = keep_crops
        self._fault = FaultLog(log)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            try:
                await asyncio.wrap_future(self._store.forget(self._keep_sent, self._keep_crops))
                self._fault.clear("upkeep works again")
            except StoreError as error:
                self._fault.report("upkeep failed", reason=str(error))
            await asyncio.sleep(ROUND_SECONDS)
