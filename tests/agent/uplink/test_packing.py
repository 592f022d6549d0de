"""As many events as fit, found with few tries."""

import zlib
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from tests.agent.store.samples import motion
from vigie_agent.store import OutboxRow
from vigie_agent.uplink.packing import Packer

MOTION = motion()


def rows(count: int, size: int = 200) -> list[OutboxRow]:
    return [OutboxRow(number, MOTION, size) for number in range(1, count + 1)]


@given(count=st.integers(1, 300), limit=st.integers(100, 20_000), per_event=st.integers(5, 900))
def test_a_batch_fits_and_has_one_event_at_least(count: int, limit: int, per_event: int) -> None:
    packed, payload = Packer().pack("mot", rows(count), limit, lambda some: bytes(64 + per_event * len(some)))
    assert len(payload) == 64 + per_event * packed
    assert packed == 1 or len(payload) <= limit


def test_what_shrinks_well_is_soon_packed_full_with_one_try_a_batch() -> None:
    packer, tries = Packer(), []

    def encode(some: Sequence[OutboxRow]) -> bytes:
        tries.append(len(some))
        return bytes(60 + 35 * len(some))

    counts = [packer.pack("lpr", rows(256), 1_600, encode)[0] for _batch in range(12)]
    assert len(tries) <= 20
    assert counts[-1] >= 0.8 * (1_600 - 60) / 35
    assert 35 * 900 <= packer.expected_bytes("lpr", 1_000) <= 35 * 1_100


def test_an_event_that_is_too_large_goes_alone() -> None:
    count, payload = Packer().pack(
        "crop", rows(5, 8_000), 1_400, lambda some: zlib.compress(bytes(9_000 * len(some)), 0)
    )
    assert count == 1
    assert len(payload) > 9_000
