"""The store put together: opened as the settings say, closed at the end, kept small."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta

from vigie_agent.keys import AgentKey
from vigie_agent.settings import AgentSettings
from vigie_agent.store import Store, Upkeep
from vigie_shared.clock import Clock


@contextlib.asynccontextmanager
async def opened_store(settings: AgentSettings, key: AgentKey, clock: Clock) -> AsyncIterator[Store]:
    """The agent's store, closed at the end, whatever ends it."""
    store = await asyncio.to_thread(
        Store,
        settings.data_dir,
        settings.agent_id,
        keep_bytes_max=settings.clips.keep_bytes_max,
        clock=clock,
        sign=key.sign,
        free_bytes_min=settings.store.free_bytes_min,
        classes=settings.store.classes(),
    )
    try:
        yield store
    finally:
        await asyncio.shield(asyncio.to_thread(store.close))


def upkeep(settings: AgentSettings, store: Store) -> Upkeep:
    """What frees the store of what was sent long ago."""
    return Upkeep(
        store,
        keep_sent=timedelta(hours=settings.store.keep_sent_hours),
        keep_crops=timedelta(days=settings.store.keep_crops_days),
    )
