"""What came at once is handled at once, and nothing of it is lost when the session ends with it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub.video.pull.played import BLOCK, CLIP_ID, manifest_of
from vigie_hub.archive.files import Archive, Part
from vigie_hub.video.pull.conversation import Conversation
from vigie_hub.video.pull.transfer import Promise, RefusedError, Transfer
from vigie_hub.video.pull.window import Window
from vigie_shared.clock import SystemClock
from vigie_shared.errors import DigestError
from vigie_shared.transfer import Manifest, TransferRefused, pack_frame

CLIP = bytes(range(5 * BLOCK - 3))


class Heaps:
    """A road on which messages come in heaps, whatever is asked."""

    get_bytes_max = BLOCK
    rounds_ahead = 2.0

    def __init__(self, *heaps: list[str | bytes]) -> None:
        self._heaps: list[list[str | bytes]] = [[manifest_of(CLIP).model_dump_json()], *heaps]
        self.sent: list[str] = []

    def send(self, message: str) -> None:
        self.sent.append(message)

    async def receive(self, _seconds: float) -> list[str | bytes]:
        return self._heaps.pop(0)

    async def hang_up(self, _seconds: float) -> None:
        raise AssertionError("the puller's to do")


def blocks(first: int, last: int) -> list[str | bytes]:
    return [pack_frame(at, CLIP[at : min(at + BLOCK, last)]) for at in range(first, last, BLOCK)]


@pytest.fixture
def part(tmp_path: Path) -> Iterator[Part]:
    with Archive(tmp_path).part(manifest_of(CLIP).sha256, len(CLIP)) as part:
        yield part


async def read(part: Part) -> bytes:
    return await asyncio.to_thread(part.read, 0, len(CLIP))


async def converse(part: Part, road: Heaps) -> list[int]:
    transfer = Transfer(Promise("gate", CLIP_ID, len(CLIP), manifest_of(CLIP).sha256))
    reported: list[int] = []

    async def opened(_manifest: Manifest) -> Part:
        return part

    conversation = Conversation(
        transfer,
        road,
        Window(),
        SystemClock(),
        stall_seconds=30,
        open_part=opened,
        on_moved=lambda: reported.append(transfer.verified_bytes),
    )
    await conversation.run(has_left=False)
    return reported


async def test_a_clip_in_one_heap_is_stored_and_told_of_once(part: Part) -> None:
    road = Heaps(blocks(0, len(CLIP)))
    assert (await converse(part, road))[1:] == [0, len(CLIP)], "after the manifest, and after the heap"
    assert await read(part) == CLIP
    assert '"done"' in road.sent[-1]


async def test_what_came_before_a_refusal_in_the_same_heap_is_kept(part: Part) -> None:
    refusal = TransferRefused(reason="the link may not carry it now", retryable=True).model_dump_json()
    whole, begun = blocks(0, 2 * BLOCK), pack_frame(2 * BLOCK, CLIP[2 * BLOCK : 2 * BLOCK + 4])
    with pytest.raises(RefusedError, match="may not carry it now"):
        await converse(part, Heaps([*whole, begun, refusal]))
    assert await read(part) == CLIP[: 2 * BLOCK + 4]


async def test_a_wrong_block_in_a_heap_is_never_written(part: Part) -> None:
    wrong = pack_frame(BLOCK, bytes(BLOCK))
    with pytest.raises(DigestError, match="block 1 "):
        await converse(part, Heaps([*blocks(0, BLOCK), wrong]))
    assert await read(part) == CLIP[:BLOCK]
