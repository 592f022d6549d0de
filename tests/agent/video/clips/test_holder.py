"""The holder answers what it is asked about its clip, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_agent.video.clips.holder import Close, Holder, SendRange, SendText
from vigie_shared.transfer import (
    HOLDER_MESSAGE,
    Done,
    Get,
    Manifest,
    ManifestWanted,
    TransferRefused,
    block_digests,
)

CLIP = bytes(range(256)) * 4
SHA256, BLOCK_SHA256 = block_digests([CLIP], 100)
MANIFEST = Manifest(
    clip_id="0123456789abcdef012345", bytes=len(CLIP), sha256=SHA256, block_bytes=100, block_sha256=BLOCK_SHA256
)


def refused(actions: list[object]) -> str:
    said, closed = actions
    assert isinstance(said, SendText)
    assert closed == Close(complete=False)
    refusal = HOLDER_MESSAGE.validate_json(said.text)
    assert isinstance(refusal, TransferRefused)
    return refusal.reason


def test_the_manifest_is_sent_when_it_is_asked_for() -> None:
    (said,) = Holder(MANIFEST).feed(ManifestWanted().model_dump_json())
    assert isinstance(said, SendText)
    assert HOLDER_MESSAGE.validate_json(said.text) == MANIFEST


@given(st.data())
def test_any_range_within_the_clip_is_sent(data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(CLIP) - 1))
    length = data.draw(st.integers(1, len(CLIP) - offset))
    actions = Holder(MANIFEST).feed(Get(offset=offset, length=length).model_dump_json())
    assert actions == [SendRange(offset, length)]


@pytest.mark.parametrize("wanted", [Get(offset=len(CLIP), length=1), Get(offset=0, length=len(CLIP) + 1)])
def test_a_range_beyond_the_clip_is_refused(wanted: Get) -> None:
    assert str(len(CLIP)) in refused([*Holder(MANIFEST).feed(wanted.model_dump_json())])


@pytest.mark.parametrize("message", ["", "{", '{"op": "erase"}', b"\x00\x01", '["get"]'])
def test_what_the_protocol_does_not_know_is_refused(message: str | bytes) -> None:
    assert "does not know" in refused([*Holder(MANIFEST).feed(message)])


def test_done_closes() -> None:
    assert Holder(MANIFEST).feed(Done().model_dump_json()) == [Close(complete=True, whole=True)]
    assert Holder(MANIFEST).feed(Done(whole=False).model_dump_json()) == [Close(complete=True)]
