"""Manifests, block digests and frames: what both sides of a transfer compute must agree."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from vigie_shared.errors import WireError
from vigie_shared.transfer import (
    BLOCK_BYTES,
    BLOCKS_MAX,
    FRAME_BYTES_MAX,
    HOLDER_MESSAGE,
    PULLER_MESSAGE,
    Get,
    Manifest,
    TransferRefused,
    block_bytes_for,
    block_digests,
    pack_frame,
    unpack_frame,
)

CLIP_ID = "0123456789abcdef012345"
DIGEST = "ab" * 32


def manifest(clip_bytes: int, blocks: int, block_bytes: int = BLOCK_BYTES) -> Manifest:
    return Manifest(
        clip_id=CLIP_ID, bytes=clip_bytes, sha256=DIGEST, block_bytes=block_bytes, block_sha256=(DIGEST,) * blocks
    )


@given(st.lists(st.binary(max_size=40)), st.integers(1, 17))
def test_digests_do_not_depend_on_how_the_bytes_are_cut(chunks: list[bytes], block_bytes: int) -> None:
    whole = b"".join(chunks)
    blocks = tuple(
        hashlib.sha256(whole[start : start + block_bytes]).hexdigest() for start in range(0, len(whole), block_bytes)
    )
    assert block_digests(chunks, block_bytes) == (hashlib.sha256(whole).hexdigest(), blocks)


@given(st.integers(0, 2**64 - 1), st.binary(min_size=1, max_size=2000))
def test_a_frame_comes_out_as_it_went_in(offset: int, data: bytes) -> None:
    at, found = unpack_frame(pack_frame(offset, data))
    assert (at, found.tobytes()) == (offset, data)


@pytest.mark.parametrize("length", [0, 8, 8 + FRAME_BYTES_MAX + 1])
def test_a_frame_without_data_or_with_too_much_is_refused(length: int) -> None:
    with pytest.raises(WireError, match=f"{length} bytes"):
        unpack_frame(bytes(length))


@pytest.mark.parametrize(("clip_bytes", "blocks"), [(1, 1), (BLOCK_BYTES, 1), (BLOCK_BYTES + 1, 2)])
def test_a_manifest_has_one_digest_a_block(clip_bytes: int, blocks: int) -> None:
    assert len(manifest(clip_bytes, blocks).block_sha256) == blocks
    with pytest.raises(ValidationError, match="block digests"):
        manifest(clip_bytes, blocks + 1)


@given(st.integers(1, BLOCKS_MAX * 16 * 1024 * 1024))
def test_every_clip_has_a_block_size_whose_manifest_fits_one_message(clip_bytes: int) -> None:
    block_bytes = block_bytes_for(clip_bytes)
    assert -(-clip_bytes // block_bytes) <= BLOCKS_MAX
    assert block_bytes == BLOCK_BYTES or clip_bytes > BLOCKS_MAX * block_bytes // 2


def test_the_largest_manifest_fits_one_data_channel_message() -> None:
    largest = manifest(BLOCKS_MAX * 16 * 1024 * 1024, BLOCKS_MAX, 16 * 1024 * 1024)
    assert len(largest.model_dump_json().encode()) <= 65_536


def test_a_refusal_of_an_older_agent_is_final() -> None:
    said = HOLDER_MESSAGE.validate_json('{"op": "refused", "reason": "gone"}')
    assert said == TransferRefused(reason="gone", retryable=False)


@pytest.mark.parametrize(
    "text", ['{"op": "get", "offset": -1, "length": 1}', '{"op": "get", "offset": 0, "length": 0}']
)
def test_a_get_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        PULLER_MESSAGE.validate_json(text)
    assert PULLER_MESSAGE.validate_json('{"op": "get", "offset": 0, "length": 1}') == Get(offset=0, length=1)
