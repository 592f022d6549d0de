from datetime import timedelta

import pytest
import zstandard

from tests.shared.hotlists.lists import NOON, Pair
from vigie_shared.errors import SignatureError, WireError
from vigie_shared.hotlists.catalog import LISTS_MAX, CatalogCopy, Offered, decode, encode
from vigie_shared.hotlists.sealed import VALUE_BYTES_MAX, Catalog, seal

MAIN, TOLL = Offered("main", 7, 86_400), Offered("toll", 9, 3_600)


def signed(key: Pair, version: int, *offered: Offered, later_seconds: int = 0) -> bytes:
    label = Catalog(version=version, issued_at=NOON + timedelta(seconds=later_seconds))
    return seal(label, encode(offered), key)


def test_a_catalog_comes_back_as_it_was() -> None:
    assert decode(encode([MAIN, TOLL])) == (MAIN, TOLL)
    assert decode(encode([])) == ()


def test_the_longest_catalog_fits_into_a_value_and_some_lists_into_a_few_hundred_bytes() -> None:
    lists = [Offered(f"{number:032d}", 1_772_366_400 + number * 7919, 86_400) for number in range(LISTS_MAX)]
    assert len(signed(Pair(), 1, *lists)) <= VALUE_BYTES_MAX
    cities = [Offered(f"city-{number}", 1_772_366_400 + number * 7919, 86_400) for number in range(32)]
    assert len(signed(Pair(), 1, *cities)) < 700
    assert len(signed(Pair(), 1, *cities[:3])) < 300


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        zstandard.compress(b'[["main",7]]'),
        zstandard.compress(b'[["Main list",7,1]]'),
        zstandard.compress(b'[["main",7,1],["main",8,1]]'),
        zstandard.compress(b"[" * 70_000),
    ],
)
def test_what_is_no_catalog_is_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        decode(payload)


def test_only_the_hubs_catalog_counts_and_none_that_turns_back_time() -> None:
    key = Pair()
    copy = CatalogCopy(key)
    assert copy.feed(signed(key, 5, MAIN))
    assert not copy.feed(signed(key, 5, MAIN))
    assert copy.feed(signed(key, 5, MAIN, later_seconds=60))
    for refused in (
        signed(Pair(), 6, MAIN, TOLL),
        signed(key, 4, MAIN, TOLL, later_seconds=120),
        signed(key, 5, MAIN, TOLL, later_seconds=120),
    ):
        with pytest.raises((SignatureError, WireError)):
            copy.feed(refused)
    assert copy.offered == (MAIN,)
    assert copy.issued_at == NOON + timedelta(seconds=60)
    assert copy.feed(signed(key, 6, TOLL))
    assert (copy.of("main"), copy.of("toll")) == (None, TOLL)
