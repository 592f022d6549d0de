from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import nkeys
import pytest

from tests.agent.hotlists.house import HUB, House, entry
from vigie_agent.hotlists.lists import Hotlists, on_disk
from vigie_agent.keys import AgentKey
from vigie_shared.errors import WireError


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def reopened(house: House, key: str = HUB.public_key) -> Hotlists:
    lists = Hotlists(house.folder, ["main"], house.clock, 86_400)
    lists.trust(key)
    return lists


def test_a_box_without_a_link_finds_hits_from_the_disk(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.publish(entry("12345|أ|6", 1), entry("7|أ|7", 2))
    (found,) = reopened(house).find("7|أ|7", uncertain=False, at=house.clock.at)
    assert (found.list_version, found.entry_id) == (2, f"{2:022x}")


def test_a_replayed_head_is_refused_after_a_restart_too(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    old = house.head()
    house.publish(entry("7|أ|7", 2))
    with pytest.raises(WireError, match="older"):
        reopened(house).offer("main", old)


@pytest.mark.parametrize("kind", ["values", "head"])
def test_an_altered_file_is_refused_and_fetched_anew(house: House, kind: str) -> None:
    house.publish(entry("12345|أ|6", 1))
    path = house.folder / "hotlists" / f"main.{kind}"
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    lists = reopened(house)
    assert lists.ages() == {}
    assert lists.offer("main", house.head()) == "main.s.1.0"


@pytest.mark.parametrize("length", [0, 10, 40, -1])
def test_a_file_cut_short_is_not_believed(house: House, length: int) -> None:
    house.publish(entry("12345|أ|6", 1))
    path = house.folder / "hotlists" / "main.values"
    path.write_bytes(path.read_bytes()[:length])
    assert reopened(house).ages() == {}


def test_lists_of_another_hub_count_for_nothing(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    other = AgentKey(nkeys.encode_seed(b"x" * 32, nkeys.PREFIX_BYTE_SERVER).decode())
    assert reopened(house, other.public_key).ages() == {}
    with pytest.raises(WireError):
        reopened(house, other.public_key).offer("main", house.head())


def test_a_removal_alone_asks_for_no_look_back(house: House) -> None:
    house.publish(entry("12345|أ|6", 1), entry("7|أ|7", 2))
    house.lists.note_seen(house.lists.unseen())
    house.publish(entry("7|أ|7", 2))
    assert house.lists.unseen() == {}
    house.publish(entry("7|أ|7", 2), entry("8|أ|8", 3))
    assert house.lists.unseen() == {"main": 3}


def test_status_reads_the_disk_and_changes_nothing_there(house: House) -> None:
    house.publish(entry("12345|أ|6", 1))
    house.clock.at += timedelta(hours=1)
    found = on_disk(house.folder, HUB.public_key, ["main", "none"], house.clock.now())
    assert found == {"main": {"version": 1, "entries": 1, "age_seconds": 3600}}
    path = house.folder / "hotlists" / "main.head"
    path.write_bytes(path.read_bytes()[:-1])
    assert on_disk(house.folder, HUB.public_key, ["main"], house.clock.now()) == {}
    assert path.exists()
