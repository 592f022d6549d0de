from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.agent.hotlists.house import House, crop, entry
from tests.agent.store.samples import START, read, settle
from vigie_agent.hotlists.look_back import SLICE_READS
from vigie_shared.events import PlateHit


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def hits(house: House) -> list[PlateHit]:
    return [event for event in house.told("hit") if isinstance(event, PlateHit)]


def test_a_new_entry_finds_stored_reads_once(house: House) -> None:
    seen = [read("12345|أ|6"), read("12346|أ|6"), read("7|أ|7")]
    for one in seen:
        house.desk.record_read(one, crop())
    settle(house.store)
    house.publish(entry("12345|أ|6", 1, "6/5"))
    assert house.look_back.look() == 2
    assert sorted((hit.read.text, hit.rule, hit.retro) for hit in hits(house)) == [
        ("12345|أ|6", "exact", True),
        ("12346|أ|6", "6/5", True),
    ]
    assert house.lists.unseen() == {}
    house.publish(entry("12345|أ|6", 1, "6/5"), entry("99|ب|9", 2))
    assert house.look_back.look() == 0
    assert len(hits(house)) == 2


def test_a_read_that_was_a_hit_at_once_is_none_again(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.desk.record_read(read("12345|أ|6"), crop())
    settle(house.store)
    assert house.look_back.look() == 0
    assert [hit.retro for hit in hits(house)] == [False]


def test_it_looks_no_further_back_than_it_may(house: House) -> None:
    old, young = read("12345|أ|6", START - timedelta(hours=49)), read("12345|أ|6", START - timedelta(hours=47))
    for one in (old, young):
        house.desk.record_read(one, crop())
    settle(house.store)
    house.publish(entry("12345|أ|6", 1))
    assert house.look_back.look() == 1
    assert hits(house)[0].read.read_id == young.read_id


def test_it_looks_at_the_newest_reads_and_no_more_than_it_may(tmp_path: Path) -> None:
    house = House(tmp_path, reads_max=SLICE_READS)
    try:
        for _number in range(SLICE_READS + 10):
            house.desk.record_read(read("12345|أ|6"), b"")
        settle(house.store)
        house.publish(entry("12345|أ|6", 1))
        assert house.look_back.look() == SLICE_READS
    finally:
        house.store.close()


def test_terms_of_time_count_by_the_reads_own_time(house: House) -> None:
    house.desk.record_read(read("12345|أ|6", START - timedelta(hours=5)), crop())
    house.desk.record_read(read("12345|أ|6", START - timedelta(hours=1)), crop())
    settle(house.store)
    since = int((START - timedelta(hours=2)).timestamp())
    one = entry("12345|أ|6", 1)
    house.publish(one._replace(terms=one.terms._replace(valid_from=since)))
    assert house.look_back.look() == 1


def test_reads_that_are_in_memory_alone_are_found_too(tmp_path: Path) -> None:
    house = House(tmp_path, non_hits_seconds=60)
    try:
        house.desk.record_read(read("12345|أ|6"), crop())
        house.clock.at += timedelta(seconds=59)
        house.publish(entry("12345|أ|6", 1))
        assert house.look_back.look() == 1
        house.clock.at += timedelta(seconds=1)
        house.publish(entry("12345|أ|6", 1), entry("12345|أ|6", 2))
        assert house.look_back.look() == 0
        assert len(hits(house)) == 1
    finally:
        house.store.close()


async def test_it_runs_by_itself_when_entries_come_and_ends_when_told(house: House) -> None:
    import asyncio

    house.desk.record_read(read("12345|أ|6"), crop())
    settle(house.store)
    running = asyncio.create_task(house.look_back.run())
    try:
        await asyncio.to_thread(house.publish, entry("12345|أ|6", 1))
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(hits, house):  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
