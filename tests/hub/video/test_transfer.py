"""The puller's core: whatever a holder does, only the promised bytes come out."""

import hashlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vigie_hub.video.transfer import (
    GET_BYTES,
    WINDOW_BYTES,
    Action,
    Finish,
    RefusedError,
    Resume,
    Send,
    Store,
    Transfer,
)
from vigie_shared.errors import DigestError, WireError
from vigie_shared.transfer import (
    PULLER_MESSAGE,
    Done,
    Get,
    Manifest,
    ManifestWanted,
    TransferRefused,
    Waiting,
    block_digests,
    pack_frame,
)

CLIP_ID = "0123456789abcdef012345"
BLOCK = 10


def manifest_of(clip: bytes, clip_id: str = CLIP_ID) -> Manifest:
    sha256, blocks = block_digests([clip], BLOCK)
    return Manifest(clip_id=clip_id, bytes=len(clip), sha256=sha256, block_bytes=BLOCK, block_sha256=blocks)


@dataclass
class Pull:
    """Plays the shell: stores what it is told to, remembers what was asked."""

    transfer: Transfer
    disk: bytes = b""
    asked: list[Get] = field(default_factory=list)
    finished: bool = False
    done: bool = False

    def act(self, actions: list[Action]) -> None:
        for action in actions:
            match action:
                case Send(text):
                    said = PULLER_MESSAGE.validate_json(text)
                    self.done = self.done or isinstance(said, Done)
                    if isinstance(said, Get):
                        self.asked.append(said)
                case Resume(block_bytes):
                    blocks = (self.disk[at : at + block_bytes] for at in range(0, len(self.disk), block_bytes))
                    self.act(self.transfer.resume(blocks))
                case Store(offset, data):
                    self.disk = self.disk[:offset] + data
                case Finish():
                    self.finished = True

    def serve(self, clip: bytes, frame_bytes: int) -> None:
        """Answer all gets from `clip`, in frames of `frame_bytes`."""
        while self.asked:
            get = self.asked.pop(0)
            for start in range(get.offset, get.offset + get.length, frame_bytes):
                piece = clip[start : min(start + frame_bytes, get.offset + get.length)]
                self.act(self.transfer.feed(pack_frame(start, piece)))


def pull_of(clip: bytes, on_disk: bytes = b"", window_bytes: int = WINDOW_BYTES) -> Pull:
    pull = Pull(Transfer(CLIP_ID, len(clip), hashlib.sha256(clip).hexdigest(), window_bytes), disk=on_disk)
    pull.act(pull.transfer.start())
    return pull


def started(clip: bytes, on_disk: bytes = b"", window_bytes: int = WINDOW_BYTES) -> Pull:
    pull = pull_of(clip, on_disk, window_bytes)
    pull.act(pull.transfer.feed(manifest_of(clip).model_dump_json()))
    return pull


@given(st.binary(min_size=1, max_size=120), st.integers(1, 12))
def test_the_clip_arrives_whatever_its_size_and_frames(clip: bytes, frame_bytes: int) -> None:
    pull = started(clip)
    pull.serve(clip, frame_bytes)
    assert (pull.disk, pull.finished, pull.done) == (clip, True, True)
    assert pull.transfer.received_bytes == len(clip)


@given(st.binary(min_size=1, max_size=120), st.integers(0, 120), st.integers(0, 119))
def test_what_is_on_disk_is_asked_again_from_its_first_wrong_block(clip: bytes, kept: int, flipped: int) -> None:
    on_disk = bytearray(clip[:kept])
    right = len(on_disk)
    if flipped < len(on_disk):
        on_disk[flipped] ^= 1
        right = flipped
    pull = started(clip, bytes(on_disk))
    verified = len(clip) if right == len(clip) else right // BLOCK * BLOCK
    assert pull.transfer.verified_bytes == verified
    pull.serve(clip, 7)
    assert pull.disk == clip
    assert pull.finished
    assert pull.transfer.received_bytes == len(clip) - verified


@given(st.binary(min_size=1, max_size=120), st.data())
def test_a_flipped_bit_is_found_in_its_own_block(clip: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(clip) - 1))
    altered = bytearray(clip)
    altered[at] ^= 1 << data.draw(st.integers(0, 7))
    pull = started(clip)
    with pytest.raises(DigestError, match=f"block {at // BLOCK} "):
        pull.serve(bytes(altered), 4)
    assert pull.disk == clip[: at // BLOCK * BLOCK]
    assert not pull.finished


def test_never_more_than_the_window_is_asked_for() -> None:
    clip = bytes(200)
    pull = started(clip, window_bytes=30)
    assert [get.offset for get in pull.asked] == [0, 10, 20]
    pull.act(pull.transfer.feed(pack_frame(0, clip[:4])))
    assert pull.asked[3:] == [Get(offset=30, length=10)]
    pull.act(pull.transfer.feed(pack_frame(4, clip[4:8])))
    assert len(pull.asked) == 4


def test_a_get_ends_with_its_block_and_is_never_long() -> None:
    clip = bytes(GET_BYTES * 3)
    sha256, blocks = block_digests([clip], GET_BYTES * 2 - 1)
    whole = Manifest(
        clip_id=CLIP_ID, bytes=len(clip), sha256=sha256, block_bytes=GET_BYTES * 2 - 1, block_sha256=blocks
    )
    pull = pull_of(clip)
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


def test_blocks_that_agree_with_a_lying_manifest_fail_as_a_whole() -> None:
    clip, lie = b"what was filmed", b"what was forged"
    honest, forged = manifest_of(clip), manifest_of(lie)
    pull = pull_of(clip)
    liar = forged.model_copy(update={"sha256": honest.sha256})
    pull.act(pull.transfer.feed(liar.model_dump_json()))
    with pytest.raises(DigestError, match="add up"):
        pull.serve(lie, 5)
    assert not pull.finished


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
    (asked,) = Transfer(CLIP_ID, 1, "0" * 64).start()
    assert isinstance(asked, Send)
    assert PULLER_MESSAGE.validate_json(asked.text) == ManifestWanted(waits=True)


def test_a_holder_that_has_no_turn_yet_is_a_sign_of_life_and_nothing_more() -> None:
    transfer = Transfer(CLIP_ID, 1, "0" * 64)
    transfer.start()
    assert transfer.feed(Waiting().model_dump_json()) == []
