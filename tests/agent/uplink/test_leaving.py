"""How long an agent that ends waits for its last events to leave."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.store.samples import clip, motion, open_store, settle
from vigie_agent.store import Store
from vigie_agent.uplink.budget import LinkBudget
from vigie_agent.uplink.leaving import last_events_left


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "data")
    yield store
    store.close()


@pytest.fixture
def budget() -> LinkBudget:
    budget = LinkBudget.unlimited()
    budget.is_connected = True
    return budget


async def receipt(store: Store) -> None:
    await asyncio.wrap_future(store.note_receipt(await asyncio.to_thread(store.newest)))


async def test_an_end_waits_until_the_hub_has_signed_for_the_last_clip(store: Store, budget: LinkBudget) -> None:
    store.record(motion())
    store.keep_clip(clip())
    async with asyncio.TaskGroup() as tasks:
        leaving = tasks.create_task(last_events_left(store, budget, 30))
        await asyncio.to_thread(settle, store)
        assert not leaving.done()
        await receipt(store)
    assert leaving.result()


async def test_where_all_has_left_an_end_waits_for_nothing(store: Store, budget: LinkBudget) -> None:
    assert await last_events_left(store, budget, 0.5)


async def test_without_a_link_an_end_waits_for_nothing(store: Store, budget: LinkBudget) -> None:
    store.record(motion())
    await asyncio.to_thread(settle, store)
    budget.is_connected = False
    assert not await last_events_left(store, budget, 3600)


async def test_a_hub_that_signs_for_nothing_is_not_waited_for_for_long(store: Store, budget: LinkBudget) -> None:
    store.record(motion())
    await asyncio.to_thread(settle, store)
    assert not await last_events_left(store, budget, 0.01)
