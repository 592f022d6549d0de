"""Lineage: what is asked of the hub, and what its answers mean. The whole way: tests/system/test_restored_store.py."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.agent.store.samples import motion, open_store, settle
from vigie_agent.store import Store
from vigie_agent.uplink.lineage import Lineage
from vigie_shared.receipts import Receipt


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path)
    for _ in range(4):
        store.record(motion())
    settle(store)
    yield store
    store.close()


def answer(store: Store, mot: int, marks: dict[str, Any] | None = None) -> Receipt:
    return Receipt.model_validate(
        {
            "agent_id": "edge",
            "epoch": store.epoch,
            "watermarks": {"mot": mot},
            "issued_at": datetime.now(UTC),
            "marks": marks,
        }
    )


async def test_a_place_is_compared_once_and_until_then_the_hubs_word_counts_only_up_to_it(store: Store) -> None:
    lineage = Lineage(store)
    assert await lineage.places() == {"mot": [1]}
    assert not await lineage.feed(answer(store, 0, {"mot": [None]}))
    assert lineage.trusted({"mot": 3}) == {"mot": 0}
    assert lineage.is_due({"mot": 3})
    own = (await asyncio.to_thread(store.marks, {"mot": [1]}))["mot", 1]
    await lineage.places()
    assert not await lineage.feed(answer(store, 3, {"mot": [own]}))
    assert lineage.trusted({"mot": 3}) == {"mot": 3}
    assert await lineage.places() == {}
    assert not lineage.is_foreign


async def test_a_hub_that_knows_of_no_marks_is_believed(store: Store) -> None:
    lineage = Lineage(store)
    await lineage.places()
    assert not await lineage.feed(answer(store, 3))
    assert lineage.trusted({"mot": 3}) == {"mot": 3}
    assert not lineage.is_due({"mot": 3})
    assert await lineage.places() == {}


async def test_an_event_that_the_hub_gave_up_is_asked_for_no_more(store: Store) -> None:
    lineage = Lineage(store)
    await lineage.places()
    assert not await lineage.feed(answer(store, 3, {"mot": [None]}))
    assert await lineage.places() == {}
    assert not lineage.is_foreign


async def test_another_event_at_its_place_halts_and_a_new_epoch_begins_once_the_hub_stands_still(store: Store) -> None:
    lineage, epoch = Lineage(store), store.epoch
    own = await asyncio.to_thread(store.marks, {"mot": [1, 2, 3, 4]})
    await lineage.places()
    assert not await lineage.feed(answer(store, 2, {"mot": [own["mot", 1] ^ 1]}))
    assert lineage.is_foreign
    assert lineage.trusted({"mot": 2}) == {}
    for watermark in (2, 3, 3):  # it moves, then it stands
        assert not lineage.is_comparing
        assert await lineage.places() == {}
        assert not await lineage.feed(answer(store, watermark, {}))
    assert await lineage.places() == {"mot": [1, 2, 3]}
    assert await lineage.places() == {"mot": [1, 2, 3]}, "a question without an answer is asked again"
    theirs = [own["mot", 1] ^ 1, own["mot", 2] ^ 1, own["mot", 3]]
    assert await lineage.feed(answer(store, 3, {"mot": theirs}))
    newest = await asyncio.to_thread(store.newest)
    assert (store.epoch != epoch, newest["mot"], lineage.is_foreign) == (True, 3, False)


async def test_a_hub_without_marks_that_knows_more_is_told_only_what_lies_beyond_its_word(store: Store) -> None:
    lineage = Lineage(store)
    await lineage.places()
    assert not await lineage.feed(answer(store, 2))
    assert not await lineage.feed(answer(store, 9))
    for _ in range(2):
        has_begun = await lineage.feed(answer(store, 9))
    assert has_begun
    assert (await asyncio.to_thread(store.newest))["mot"] == 0, (
        "all four were below what the hub has, and it was seen to have them"
    )
