from datetime import timedelta

import pytest

from tests.shared.hotlists.lists import NOON, Bucket, Pair, entry
from vigie_shared.errors import SignatureError, WireError
from vigie_shared.hotlists.copy import DELTAS_HELD_MAX, ListCopy

FIRST = [entry(f"{number}|أ|6", number) for number in range(1, 30)]


def fetch(copy: ListCopy, bucket: Bucket) -> list[str]:
    """All that the copy asks for; which keys it asked for."""
    asked = []
    if copy.offer(bucket.values["main.head"]):
        while (key := copy.wanted()) is not None:
            asked.append(key)
            copy.feed(key, bucket.values[key])
    return asked


def up_to_date(bucket: Bucket) -> ListCopy:
    copy = ListCopy("main", bucket.key)
    fetch(copy, bucket)
    return copy


def test_first_copy_is_a_whole_list_then_only_deltas_travel() -> None:
    bucket = Bucket(FIRST)
    copy = ListCopy("main", bucket.key)
    assert fetch(copy, bucket) == ["main.s.100.0"]
    bucket.change([FIRST[0].entry_id], [entry("7|ب|7", 500)])
    bucket.change([], [entry("8|ب|7", 501)])
    assert fetch(copy, bucket) == ["main.d.101", "main.d.102"]
    assert list(copy.entries) == list(bucket.entries)
    assert copy.version == 102


def test_same_head_again_asks_for_nothing() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    assert not copy.offer(bucket.values["main.head"])


def test_a_head_signed_anew_makes_the_same_list_younger() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    assert copy.age_seconds(NOON + timedelta(hours=2)) == 7200
    bucket.issued_at += timedelta(hours=2)
    assert copy.offer(bucket.head())
    assert copy.wanted() is None
    assert copy.age_seconds(NOON + timedelta(hours=2)) == 0


def test_a_replayed_head_is_refused_and_changes_nothing() -> None:
    bucket = Bucket(FIRST)
    old = bucket.values["main.head"]
    copy = up_to_date(bucket)
    bucket.change([FIRST[0].entry_id], [])
    fetch(copy, bucket)
    with pytest.raises(WireError, match="older"):
        copy.offer(old)
    assert copy.version == 101
    bucket.issued_at -= timedelta(hours=1)
    assert not copy.offer(bucket.head())


def test_a_replayed_head_of_the_same_version_makes_nothing_younger_or_older() -> None:
    bucket = Bucket(FIRST)
    old = bucket.values["main.head"]
    bucket.issued_at += timedelta(hours=1)
    bucket.head()
    copy = up_to_date(bucket)
    assert not copy.offer(old)
    assert copy.age_seconds(NOON + timedelta(hours=1)) == 0


def test_what_another_key_signed_is_refused() -> None:
    bucket = Bucket(FIRST)
    copy = ListCopy("main", Pair())
    with pytest.raises(SignatureError):
        copy.offer(bucket.values["main.head"])


def test_a_value_under_another_key_is_refused() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    bucket.change([], [entry("7|ب|7", 500)])
    bucket.change([FIRST[0].entry_id], [])
    copy.offer(bucket.values["main.head"])
    with pytest.raises(WireError, match="belongs under"):
        copy.feed("main.d.101", bucket.values["main.d.102"])
    assert copy.wanted() == "main.d.101"


@pytest.mark.parametrize("at", [0, 63, 64, 70, -1])
def test_a_flipped_bit_is_refused(at: int) -> None:
    bucket = Bucket(FIRST)
    data = bytearray(bucket.values["main.s.100.0"])
    data[at] ^= 1
    copy = ListCopy("main", bucket.key)
    copy.offer(bucket.values["main.head"])
    with pytest.raises(WireError):
        copy.feed("main.s.100.0", bytes(data))
    assert copy.version == 0


def test_deltas_that_lead_elsewhere_end_in_a_whole_list() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    bucket.change([], [entry("7|ب|7", 500)])
    bucket.entries = bucket.entries.changed([FIRST[3].entry_id], type(bucket.entries)())  # the delta does not say so
    bucket.head()
    with pytest.raises(WireError, match="not what was signed"):
        fetch(copy, bucket)
    assert copy.version == 100
    bucket.snapshot()
    bucket.head()
    assert fetch(copy, bucket) == ["main.s.101.0"]
    assert list(copy.entries) == list(bucket.entries)


def test_a_copy_that_missed_too_much_takes_the_whole_list() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    for number in range(5):
        bucket.change([], [entry(f"{number}|د|7", 500 + number)])
    bucket.snapshot()
    bucket.oldest_delta = bucket.version
    bucket.head()
    assert fetch(copy, bucket) == ["main.s.105.0"]


def test_many_deltas_are_changed_for_a_whole_list() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    for number in range(DELTAS_HELD_MAX + 1):
        bucket.change([], [entry(f"{number}|د|7", 500 + number)])
    bucket.snapshot()
    bucket.head()
    assert fetch(copy, bucket)[0].startswith("main.s.")
    assert not [key for key in copy.values if ".d." in key]


def test_a_broken_off_fetch_goes_on_where_it_was() -> None:
    bucket = Bucket(
        [
            entry(f"{number}|أ|{1 + number % 89}", number * 0x9E3779B97F4A7C15F39CC1 % (1 << 88))
            for number in range(9000)
        ]
    )
    copy = ListCopy("main", bucket.key)
    copy.offer(bucket.values["main.head"])
    assert bucket.chunks > 1
    first = copy.wanted()
    assert first is not None
    copy.feed(first, bucket.values[first])
    bucket.issued_at += timedelta(minutes=1)
    bucket.head()
    asked = fetch(copy, bucket)
    assert first not in asked
    assert len(copy.entries) == 9000


def test_a_copy_survives_on_the_disk_and_knows_replays_afterwards() -> None:
    bucket = Bucket(FIRST)
    old = bucket.values["main.head"]
    copy = up_to_date(bucket)
    bucket.change([FIRST[0].entry_id], [])
    fetch(copy, bucket)
    again = ListCopy("main", bucket.key)
    assert again.restore(copy.values)
    assert list(again.entries) == list(bucket.entries)
    with pytest.raises(WireError, match="older"):
        again.offer(old)


def test_values_that_are_newer_than_their_head_are_left_out() -> None:
    bucket = Bucket(FIRST)
    old = bucket.values["main.head"]
    copy = up_to_date(bucket)
    bucket.change([FIRST[0].entry_id], [])
    fetch(copy, bucket)
    again = ListCopy("main", bucket.key)
    assert again.restore({**copy.values, "main.head": old})
    assert again.version == 100
    assert fetch(again, bucket) == ["main.d.101"]


def test_an_altered_file_is_refused() -> None:
    bucket = Bucket(FIRST)
    copy = up_to_date(bucket)
    values = dict(copy.values)
    values["main.s.100.0"] = values["main.s.100.0"][:-1]
    with pytest.raises(WireError):
        ListCopy("main", bucket.key).restore(values)
