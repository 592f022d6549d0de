"""A sub-stream has bytes of its own: it is believed by the agent's signature, and never taken for the clip."""

import hashlib

import pytest

from tests.hub.video.pull.played import CLIP_ID, Key, Pull, manifest_of, pull_of
from vigie_hub.video.pull.transfer import Promise, RefusedError, Transfer
from vigie_shared.errors import DigestError, SignatureError, WireError
from vigie_shared.transfer import Derived, Manifest, manifest_statement

SHOWN = bytes(range(100))


def small_manifest(small: bytes, **changes: object) -> Manifest:
    derived = Derived(source_sha256=hashlib.sha256(SHOWN).hexdigest(), width_px=640, height_px=360)
    manifest = manifest_of(small).model_copy(update={"derived": derived, **changes})
    return manifest.model_copy(update={"signature": Key.sign(manifest_statement("gate", manifest))})


def sub_pull(on_disk: bytes = b"") -> Pull:
    pull = Pull(Transfer(Promise("gate", CLIP_ID, len(SHOWN), hashlib.sha256(SHOWN).hexdigest()), "sub", Key()))
    pull.disk = on_disk
    pull.act(pull.transfer.start())
    return pull


def test_a_sub_stream_comes_block_by_block_and_goes_on_where_it_was() -> None:
    small = bytes(range(35))
    pull = sub_pull(small[:23])
    pull.act(pull.transfer.feed(small_manifest(small).model_dump_json()))
    pull.serve(small, 4)
    assert (pull.disk, pull.finished) == (small, True)
    assert (pull.transfer.wanted_bytes, pull.transfer.received_bytes) == (35, 12)


def test_a_sub_stream_needs_the_agents_word_for_this_very_clip() -> None:
    small = bytes(range(35))
    other = Derived(source_sha256="0" * 64, width_px=640, height_px=360)
    for manifest, refusal in (
        (small_manifest(small, derived=other), WireError),
        (small_manifest(bytes(101)), WireError),
        (small_manifest(small).model_copy(update={"signature": None}), SignatureError),
        (small_manifest(small).model_copy(update={"signature": "x"}), SignatureError),
        (small_manifest(small).model_copy(update={"bytes": 34}), SignatureError),
        (manifest_of(SHOWN), RefusedError),
    ):
        with pytest.raises(refusal):
            sub_pull().transfer.feed(manifest.model_dump_json())


def test_a_sub_stream_is_never_taken_for_the_clip() -> None:
    with pytest.raises(DigestError, match="other bytes"):
        pull_of(SHOWN).transfer.feed(small_manifest(bytes(35)).model_dump_json())
