"""The puller's core: whatever a holder does, only the promised bytes come out."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hub.video.pull.played import BLOCK, CLIP_ID, Key, Pull, manifest_of, pull_of, started
from vigie_hub.video.pull.pieces import Quality
from vigie_hub.video.pull.transfer import Promise, RefusedError, Send, Transfer
from vigie_hub.video.pull.window import GET_BYTES
from vigie_shared.errors import DigestError, SignatureError, WireError
from vigie_shared.transfer import (
    PULLER_MESSAGE,
    Get,
    Head,
    Index,
    IndexWanted,
    Manifest,
    ManifestWanted,
    TransferRefused,
    Waiting,
    block_digests,
    head_digest,
    index_statement,
    manifest_statement,
    pack_frame,
)


@given(st.binary(min_size=1, max_size=120), st.integers(1, 12))
def test_the_clip_arrives_whatever_its_size_and_frames(clip: bytes, frame_bytes: int) -> None:
    pull = started(clip)
    pull.serve(clip, frame_bytes)
    assert (pull.disk, pull.finished, pull.done) == (clip, True, True)
    assert pull.transfer.received_bytes == len(clip)


@given(st.binary(min_size=1, max_size=120), st.integers(0, 120), st.integers(0, 119))
def test_of_what_is_on_disk_only_wrong_blocks_are_asked_again(clip: bytes, kept: int, flipped: int) -> None:
    on_disk = bytearray(clip[:kept])
    wrong = set(range(len(on_disk) // BLOCK, -(-len(clip) // BLOCK))) if kept < len(clip) else set()
    begun = len(on_disk) % BLOCK if kept < len(clip) else 0
    in_vain = 0
    if flipped < len(on_disk):
        on_disk[flipped] ^= 1
        wrong.add(flipped // BLOCK)
        if flipped >= len(on_disk) - begun:  # shows when the rest of its block is here, which then comes again
            in_vain = len(clip[len(on_disk) : (len(on_disk) // BLOCK + 1) * BLOCK])
            begun = 0
    pull = started(clip, bytes(on_disk))
    missing = sum(len(clip[number * BLOCK : (number + 1) * BLOCK]) for number in wrong)
    assert pull.transfer.verified_bytes == len(clip) - missing
    pull.serve(clip, 7)
    assert pull.disk == clip
    assert pull.finished
    assert pull.transfer.received_bytes == missing - begun + in_vain


@given(st.binary(min_size=1, max_size=120), st.data())
def test_a_break_costs_only_what_was_on_the_road(clip: bytes, data: st.DataObject) -> None:
    """Whatever the hub was handed before need not come again, whole blocks or not."""
    first = started(clip)
    handed = data.draw(st.integers(0, len(clip) - 1))
    for at in range(handed):
        first.act(first.transfer.feed(pack_frame(at, clip[at : at + 1])))
    again = started(clip, first.disk)
    again.serve(clip, 7)
    assert (again.disk, again.finished) == (clip, True)
    assert again.transfer.received_bytes == len(clip) - handed


@given(st.data())
def test_a_holder_that_lies_is_found_out_behind_a_beginning_from_disk_too(data: st.DataObject) -> None:
    clip = bytes(range(100))
    kept = data.draw(st.integers(1, 99).filter(lambda kept: kept % BLOCK > 0))
    altered = bytearray(clip)
    altered[data.draw(st.integers(kept, 99))] ^= 1
    pull = started(clip, clip[:kept])
    with pytest.raises(DigestError):
        pull.serve(bytes(altered), 4)
    assert not pull.finished


@given(st.binary(min_size=1, max_size=120), st.data())
def test_a_flipped_bit_is_found_in_its_own_block(clip: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(clip) - 1))
    altered = bytearray(clip)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    pull = started(clip)
    with pytest.raises(DigestError, match=f"block {at // BLOCK} "):
        pull.serve(bytes(altered), 4)
    assert pull.disk[: at // BLOCK * BLOCK] == clip[: at // BLOCK * BLOCK]
    assert len(pull.disk) < (at // BLOCK + 1) * BLOCK, "the block that is wrong was never stored"
    assert not pull.finished


def test_never_more_than_the_window_is_asked_for() -> None:
    clip = bytes(200)
    pull = started(clip, window_bytes=30)
    assert [get.offset for get in pull.asked] == [0, 10, 20]
    pull.act(pull.transfer.feed(pack_frame(0, clip[:4])))
    assert len(pull.asked) == 3
    pull.act(pull.transfer.feed(pack_frame(4, clip[4:10])))
    assert pull.asked[3:] == [Get(offset=30, length=10)]


def test_a_get_ends_with_its_block_and_is_never_long() -> None:
    clip = bytes(GET_BYTES * 3)
    sha256, blocks = block_digests([clip], GET_BYTES * 2 - 1)
    whole = Manifest(
        clip_id=CLIP_ID, bytes=len(clip), sha256=sha256, block_bytes=GET_BYTES * 2 - 1, block_sha256=blocks
    )
    pull = pull_of(clip, window_bytes=3 * GET_BYTES - 1)
    pull.act(pull.transfer.feed(whole.model_dump_json()))
    lengths = [(get.offset, get.length) for get in pull.asked]
    assert lengths == [(0, GET_BYTES), (GET_BYTES, GET_BYTES - 1), (2 * GET_BYTES - 1, GET_BYTES)]


@pytest.mark.parametrize(
    "other",
    [manifest_of(b"other bytes of the clip"), manifest_of(b"a clip"), manifest_of(b"the clip", "f" * 22)],
    ids=["size", "digest", "clip"],
)
def test_a_manifest_of_other_bytes_is_refused_before_any_get(other: Manifest) -> None:
    pull = pull_of(b"the clip" if other.bytes == 8 else b"a clap")
    with pytest.raises(DigestError, match="other bytes"):
        pull.transfer.feed(other.model_dump_json())
    assert pull.asked == []


@pytest.mark.parametrize(
    "frames",
    [
        [pack_frame(1, b"x")],
        [pack_frame(0, b"x"), pack_frame(0, b"x")],
        [pack_frame(0, b"x" * (BLOCK + 1))],
        [pack_frame(0, bytes(100))],
    ],
    ids=["gap", "repeat", "across two blocks", "unasked"],
)
def test_frames_out_of_turn_break_the_protocol(frames: list[bytes]) -> None:
    pull = started(bytes(90), window_bytes=40)
    with pytest.raises(WireError):
        pull.act([action for frame in frames for action in pull.transfer.feed(frame)])
    assert pull.disk == b""


@pytest.mark.parametrize("message", [pack_frame(0, b"x"), "{", '{"op": "manifest"}', b"short"])
def test_nonsense_before_the_manifest_breaks_the_protocol(message: str | bytes) -> None:
    with pytest.raises(WireError):
        pull_of(b"clip").transfer.feed(message)


def test_a_second_manifest_breaks_the_protocol() -> None:
    pull = started(b"clip")
    with pytest.raises(WireError, match="second manifest"):
        pull.transfer.feed(manifest_of(b"clip").model_dump_json())


@pytest.mark.parametrize("retryable", [True, False])
def test_a_refusal_says_whether_to_ask_again(retryable: bool) -> None:
    with pytest.raises(RefusedError, match="overwritten") as caught:
        started(b"clip").transfer.feed(TransferRefused(reason="overwritten", retryable=retryable).model_dump_json())
    assert caught.value.retryable is retryable


def test_the_first_question_is_for_the_manifest() -> None:
    (asked,) = Transfer(Promise("gate", CLIP_ID, 1, "0" * 64)).start()
    assert isinstance(asked, Send)
    assert PULLER_MESSAGE.validate_json(asked.text) == ManifestWanted(waits=True)


def test_a_holder_that_has_no_turn_yet_is_a_sign_of_life_and_nothing_more() -> None:
    transfer = Transfer(Promise("gate", CLIP_ID, 1, "0" * 64))
    transfer.start()
    assert transfer.feed(Waiting().model_dump_json()) == []


HEADS = ((8, 5), (22, 9), (41, 3), (50, 12))
SHOWN = bytes(range(100))


def index_of(clip: bytes, **changes: object) -> Index:
    init, *heads = (
        Head(offset=at, length=length, digest=head_digest(clip[at : at + length])) for at, length in ((0, 6), *HEADS)
    )
    index = Index(init=init, heads=tuple(heads)).model_copy(update=changes)
    statement = index_statement("gate", CLIP_ID, hashlib.sha256(clip).hexdigest(), index)
    return index.model_copy(update={"signature": Key.sign(statement)})


def signed(manifest: Manifest) -> Manifest:
    signature = Key.sign(manifest_statement("gate", manifest))
    return manifest.model_copy(update={"indexed": True, "signature": signature})


def sampled(clip: bytes, quality: Quality, on_disk: bytes = b"", *, key: Key | None = None) -> Pull:
    """A pull that has the manifest and has asked for the index."""
    promise = Promise("gate", CLIP_ID, len(clip), hashlib.sha256(clip).hexdigest())
    pull = Pull(Transfer(promise, quality, key or Key()), disk=on_disk)
    pull.act(pull.transfer.start(has_left=bool(on_disk)))
    (asked,) = pull.transfer.feed(signed(manifest_of(clip)).model_dump_json())
    assert isinstance(asked, Send)
    assert PULLER_MESSAGE.validate_json(asked.text) == IndexWanted()
    return pull


def test_keyframes_alone_arrive_from_coarse_to_fine() -> None:
    pull = sampled(SHOWN, "keyframes")
    pull.act(pull.transfer.feed(index_of(SHOWN).model_dump_json()))
    assert [get.offset for get in pull.asked] == [0, 41, 22, 50, 8]
    pull.serve(SHOWN, 4)
    assert pull.finished
    assert pull.transfer.received_bytes == pull.transfer.wanted_bytes == 6 + sum(length for _at, length in HEADS)
    for at, length in HEADS:
        assert pull.disk[at : at + length] == SHOWN[at : at + length]


def test_a_thumbnail_is_one_keyframe_from_the_middle() -> None:
    pull = sampled(SHOWN, "thumbnail")
    pull.act(pull.transfer.feed(index_of(SHOWN).model_dump_json()))
    assert [get.offset for get in pull.asked] == [0, 41]


def test_keyframes_that_are_here_do_not_travel_again() -> None:
    first = sampled(SHOWN, "keyframes")
    first.act(first.transfer.feed(index_of(SHOWN).model_dump_json()))
    first.serve(SHOWN, 50)
    again = sampled(SHOWN, "keyframes", first.disk)
    again.act(again.transfer.feed(index_of(SHOWN).model_dump_json()))
    assert again.finished
    whole = sampled(SHOWN, "original", first.disk)
    whole.act(whole.transfer.feed(index_of(SHOWN).model_dump_json()))
    whole.serve(SHOWN, 50)
    assert whole.disk == SHOWN
    assert whole.transfer.received_bytes == len(SHOWN) - first.transfer.received_bytes


@given(st.integers(1, 99), st.integers(0, 99))
def test_whatever_is_on_disk_the_whole_comes_out(kept: int, flipped: int) -> None:
    on_disk = bytearray(SHOWN[:kept])
    if flipped < kept:
        on_disk[flipped] ^= 1
    pull = sampled(SHOWN, "original", bytes(on_disk))
    pull.act(pull.transfer.feed(index_of(SHOWN).model_dump_json()))
    pull.serve(SHOWN, 50)
    assert (pull.disk, pull.finished) == (SHOWN, True)


def test_a_keyframe_with_another_digest_than_the_index_says_is_found() -> None:
    pull = sampled(SHOWN, "keyframes")
    pull.act(pull.transfer.feed(index_of(SHOWN).model_dump_json()))
    with pytest.raises(DigestError, match="head at 41"):
        pull.serve(SHOWN[:42] + b"?" + SHOWN[43:], 50)


def test_what_is_not_signed_by_the_agent_is_refused() -> None:
    pull = sampled(SHOWN, "keyframes")
    forged = index_of(SHOWN).model_copy(update={"signature": "0" * 64})
    with pytest.raises(SignatureError, match="not signed by agent gate"):
        pull.transfer.feed(forged.model_dump_json())
    other = sampled(SHOWN, "keyframes")
    with pytest.raises(SignatureError, match="its index is not signed"):
        other.transfer.feed(index_of(SHOWN).model_copy(update={"signature": None}).model_dump_json())
    promise = Promise("gate", CLIP_ID, len(SHOWN), hashlib.sha256(SHOWN).hexdigest())
    with pytest.raises(SignatureError, match="not signed by agent gate"):
        Transfer(promise, agent_key=Key()).feed(
            signed(manifest_of(SHOWN)).model_copy(update={"signature": "x"}).model_dump_json()
        )


def test_an_index_that_reaches_beyond_the_clip_or_over_itself_is_none() -> None:
    heads = index_of(SHOWN).heads
    for wrong in ((*heads, heads[0]), (*heads, Head(offset=99, length=9, digest="0" * 22))):
        with pytest.raises(WireError, match="none of this clip"):
            sampled(SHOWN, "keyframes").transfer.feed(index_of(SHOWN, heads=wrong).model_dump_json())


def test_an_agent_without_an_index_gives_the_original_only() -> None:
    promise = Promise("gate", CLIP_ID, len(SHOWN), hashlib.sha256(SHOWN).hexdigest())
    with pytest.raises(RefusedError, match="pull the original"):
        Transfer(promise, "keyframes", Key()).feed(manifest_of(SHOWN).model_dump_json())
