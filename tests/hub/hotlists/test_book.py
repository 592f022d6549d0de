from datetime import timedelta

import pytest

from tests.hub.agents import NOON, new_key
from vigie_hub.hotlists.book import DELTAS_MAX, Book, Value
from vigie_hub.keys import KeyPair, PublicKey
from vigie_shared.hotlists.columns import Columns
from vigie_shared.hotlists.copy import ListCopy
from vigie_shared.hotlists.entries import Entry, Terms
from vigie_shared.hotlists.sealed import VALUE_BYTES_MAX


def entry(number: int, letter: str = "أ") -> Entry:
    scattered = number * 0x9E3779B97F4A7C15F39CC1 % (1 << 88)
    return Entry(f"{1 + number}|{letter}|{1 + number % 89}", f"{scattered:022x}", Terms(("6/5",), "stolen", 3))


class Bucket:
    """What the book publishes, and an agent that follows it."""

    def __init__(self, key: KeyPair | None = None) -> None:
        self.key = key or new_key()
        verifier = PublicKey(self.key.public_key)
        self.book = Book("main", self.key, verifier)
        self.copy = ListCopy("main", verifier)
        self.values: dict[str, bytes] = {}
        self.asked: list[str] = []

    def put(self, values: list[Value]) -> None:
        assert all(len(value.data) <= VALUE_BYTES_MAX for value in values)
        self.values |= {value.key: value.data for value in values}
        self.values = {key: data for key, data in self.values.items() if not self.book.is_spent(key)}

    def change(self, gone: list[str], come: list[Entry]) -> None:
        self.put(self.book.change(gone, Columns.of(come), NOON, 3600))

    def follow(self) -> list[str]:
        """The agent catches up; the keys that it asked for."""
        asked = []
        self.copy.offer(self.values["main.head"])
        while (key := self.copy.wanted()) is not None:
            asked.append(key)
            self.copy.feed(key, self.values[key])
        assert list(self.copy.entries) == list(self.book.entries)
        assert self.copy.version == self.book.version
        return asked


def test_first_version_is_the_seconds_since_1970_then_they_count_up() -> None:
    bucket = Bucket()
    bucket.change([], [entry(1)])
    assert bucket.book.version == int(NOON.timestamp())
    bucket.change([entry(1).entry_id], [entry(2)])
    assert bucket.book.version == int(NOON.timestamp()) + 1
    bucket.follow()


def test_an_edit_is_a_delta_of_a_few_hundred_bytes() -> None:
    bucket = Bucket()
    bucket.change([], [entry(number) for number in range(5000)])
    bucket.follow()
    bucket.change([entry(1).entry_id], [entry(9000)])
    (key,) = bucket.follow()
    assert ".d." in key
    assert len(bucket.values[key]) < 400


def test_a_larger_edit_is_several_deltas_and_a_huge_one_a_whole_list() -> None:
    bucket = Bucket()
    bucket.change([], [entry(number) for number in range(6000)])
    bucket.follow()
    bucket.change([entry(number).entry_id for number in range(450)], [entry(9000 + number) for number in range(500)])
    assert [key.split(".")[1] for key in bucket.follow()] == ["d"] * 4
    bucket.change([], [entry(20_000 + number) for number in range(5000)])
    assert {key.split(".")[1] for key in bucket.follow()} == {"s"}


def test_an_edit_that_changes_nothing_is_not_published() -> None:
    bucket = Bucket()
    bucket.change([], [entry(1)])
    assert bucket.book.change([entry(77).entry_id], Columns(), NOON, 3600) == []


def test_after_many_deltas_a_whole_list_follows_and_old_values_go() -> None:
    bucket = Bucket()
    bucket.change([], [entry(number) for number in range(3000)])
    bucket.follow()
    late = ListCopy("main", PublicKey(bucket.key.public_key))
    for number in range(2 * DELTAS_MAX + 20):
        bucket.change([], [entry(10_000 + number, "ب")])
        bucket.follow()
    wholes = {key.split(".")[2] for key in bucket.values if ".s." in key}
    assert len(wholes) == 2
    assert len([key for key in bucket.values if ".d." in key]) <= 2 * DELTAS_MAX + 1
    bucket.copy = late
    assert ".s." in bucket.follow()[0]


def test_signing_anew_keeps_the_version() -> None:
    bucket = Bucket()
    bucket.change([], [entry(1)])
    bucket.follow()
    bucket.put(bucket.book.confirm(NOON + timedelta(minutes=15), 3600))
    assert bucket.follow() == []
    assert bucket.copy.age_seconds(NOON + timedelta(minutes=15)) == 0


@pytest.mark.parametrize("edits", [0, 3, 60])
def test_a_book_goes_on_from_its_values(edits: int) -> None:
    bucket = Bucket()
    bucket.change([], [entry(number) for number in range(300)])
    for number in range(edits):
        bucket.change([], [entry(1000 + number)])
    bucket.follow()
    again = Bucket(bucket.key)
    again.values, again.copy = bucket.values, bucket.copy
    again.book.restore(bucket.values)
    assert again.book.version == bucket.book.version
    again.change([entry(3).entry_id], [])
    assert [key.split(".")[1] for key in again.follow()] == ["d"]


def test_a_book_that_begins_anew_goes_above_all_that_was() -> None:
    bucket = Bucket()
    bucket.change([], [entry(1)])
    bucket.follow()
    above = bucket.book.version + 700
    bucket.put(bucket.book.begin(Columns.of([entry(2)]), NOON, 3600, above))
    assert bucket.book.version == above + 1
    assert ".s." in bucket.follow()[0]
