"""A clip is read before it is wanted where it is sent in order, and no more of it than that."""

import asyncio
import threading

import pytest

from vigie_agent.video.clips.read_ahead import READ_BYTES, ReadAhead
from vigie_shared.errors import StoreError

CLIP = bytes(range(256)) * (3 * READ_BYTES // 256) + b"the end"


class Disk:
    """Notes what is read of it; what is beyond `breaks_at` cannot be."""

    def __init__(self, breaks_at: int = len(CLIP)) -> None:
        self.reads: list[tuple[int, int]] = []
        self._breaks_at = breaks_at
        self.second = threading.Event()

    def read(self, offset: int, length: int) -> bytes:
        self.reads.append((offset, length))
        if len(self.reads) == 2:
            self.second.set()
        if offset + length > self._breaks_at:
            raise StoreError("disk I/O error")
        return CLIP[offset : offset + length]


async def test_what_is_sent_in_order_is_read_once_in_large_pieces() -> None:
    disk, sent = Disk(), b""
    ahead = ReadAhead(len(CLIP), disk.read)
    while len(sent) < len(CLIP):
        sent += await ahead.some(len(sent), 100_000)
    await ahead.close()
    assert sent == CLIP
    assert disk.reads == [(at, min(READ_BYTES, len(CLIP) - at)) for at in range(0, len(CLIP), READ_BYTES)]


async def test_the_next_piece_is_read_while_the_last_one_leaves() -> None:
    disk = Disk()
    ahead = ReadAhead(len(CLIP), disk.read)
    await ahead.some(0, 10)
    assert await asyncio.to_thread(disk.second.wait, 60)
    assert disk.reads[1][0] == READ_BYTES
    await ahead.close()


async def test_who_asks_here_and_there_is_read_no_more_than_that() -> None:
    disk = Disk()
    ahead = ReadAhead(len(CLIP), disk.read)
    for at in (READ_BYTES + 5, 2 * READ_BYTES + 9, 7):
        assert await ahead.some(at, 10) == CLIP[at : at + 10]
    await ahead.close()
    assert [offset for offset, _length in disk.reads] == [READ_BYTES + 5, 2 * READ_BYTES + 9, 7]


async def test_a_disk_that_fails_ahead_is_told_only_to_who_gets_there() -> None:
    disk = Disk(breaks_at=READ_BYTES)
    ahead = ReadAhead(len(CLIP), disk.read)
    assert await ahead.some(0, 10) == CLIP[:10]
    assert await asyncio.to_thread(disk.second.wait, 60)
    with pytest.raises(StoreError):
        await ahead.some(READ_BYTES, 10)
    await ahead.close()


async def test_one_that_failed_and_was_never_wanted_is_forgotten() -> None:
    disk = Disk(breaks_at=READ_BYTES)
    ahead = ReadAhead(len(CLIP), disk.read)
    await ahead.some(0, 10)
    assert await asyncio.to_thread(disk.second.wait, 60)
    await ahead.close()
