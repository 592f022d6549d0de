"""The store put together: open while it is needed, closed whatever ends it."""

import asyncio
import contextlib
from pathlib import Path

from tests.agent.store.samples import FixedClock, motion, open_store
from vigie_agent.keeping import opened_store
from vigie_agent.keys import load_or_make_agent_key
from vigie_agent.settings import AgentSettings


async def test_what_a_cancelled_agent_recorded_is_in_its_store_which_another_may_open(tmp_path: Path) -> None:
    settings = AgentSettings(agent_id="edge", data_dir=tmp_path)
    key = await asyncio.to_thread(load_or_make_agent_key, tmp_path)
    with contextlib.suppress(asyncio.CancelledError):
        async with opened_store(settings, key, FixedClock()) as store:
            store.record(motion())
            raise asyncio.CancelledError
    store = await asyncio.to_thread(open_store, tmp_path)  # refused where it is still open
    assert (await asyncio.to_thread(store.newest))["mot"] == 1
    await asyncio.to_thread(store.close)
