"""Pieces of a clip that are judged together: a block of the manifest, or the head of a fragment."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from vigie_shared.transfer import Head, Index, Manifest, head_digest

Quality = Literal["thumbnail", "keyframes", "sub", "original"]
WHOLE: Final[tuple[Quality, ...]] = ("sub", "original")
"""What comes block by block: all of what the manifest names."""
KNOWN_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of heads that an earlier pull left, kept in memory until their blocks are whole; what is beyond travels again."""
Read = Callable[[int, int], bytes]
"""Bytes on disk from an offset, as many as are there."""


@dataclass(slots=True)
class Piece:
    """Its bytes as they come in."""

    name: str
    offset: int
    data: bytearray
    is_right: Callable[[bytes | bytearray], bool]
    gaps: list[tuple[int, int]] = field(default_factory=list)
    """What is missing of it, from and to, in order."""
    missing: int = 0
    was_asked: bool = False
    """Whether any of it is to come over the road."""
    is_guess: bool = False
    """Whether some of it is from disk, and nobody vouches for that part."""

    def put(self, offset: int, data: memoryview) -> None:
        """Take what fills a gap."""
        self.data[offset - self.offset : offset - self.offset + len(data)] = data
        self.missing -= len(data)


def block_piece(manifest: Manifest, number: int, known: Mapping[int, bytes], begun: bytes = b"") -> Piece:
    """A block, of which the heads in `known` are here already, or `begun`, how it begins, unless that is wrong."""
    offset = number * manifest.block_bytes
    end = min(offset + manifest.block_bytes, manifest.bytes)
    digest = manifest.block_sha256[number]
    piece = Piece(
        f"block {number}", offset, bytearray(end - offset), lambda data: hashlib.sha256(data).hexdigest() == digest
    )
    piece.is_guess = bool(begun)
    known = {offset: begun} if begun else known
    reached = offset
    for at in sorted(known):
        first, last = max(at, offset), min(at + len(known[at]), end)
        if first >= last or first < reached:
            continue
        piece.data[first - offset : last - offset] = known[at][first - at : last - at]
        piece.gaps += [(reached, first)] if reached < first else []
        reached = last
    piece.gaps += [(reached, end)] if reached < end else []
    piece.missing = sum(last - first for first, last in piece.gaps)
    return piece


def head_piece(head: Head) -> Piece:
    """A head of which nothing is here."""
    end = head.offset + head.length
    return Piece(
        f"head at {head.offset}",
        head.offset,
        bytearray(head.length),
        lambda data: head_digest(data) == head.digest,
        [(head.offset, end)],
        head.length,
    )


def heads_wanted(index: Index, quality: Quality) -> list[Head]:
    """The init segment, then keyframes from coarse to fine, so that each prefix shows the whole clip."""
    if quality == "thumbnail":
        return [index.init, index.heads[len(index.heads) // 2]]
    return [index.init, *(index.heads[number] for number in coarse_to_fine(len(index.heads)))]


def coarse_to_fine(count: int) -> Iterator[int]:
    """0 to `count` - 1, each once: the middle, then the middles of what is left."""
    level = [(0, count)]
    while level:
        following = []
        for first, last in level:
            middle = (first + last) // 2
            yield middle
            following += [span for span in ((first, middle), (middle + 1, last)) if span[0] < span[1]]
        level = following


def right_blocks(manifest: Manifest, read: Read) -> tuple[set[int], dict[int, bytes]]:
    """The numbers of the blocks that are on disk already, and how the next one begins where the file ends within it.

    Reads all that is there.
    """
    right: set[int] = set()
    for number, digest in enumerate(manifest.block_sha256):
        length = min(manifest.block_bytes, manifest.bytes - number * manifest.block_bytes)
        data = read(number * manifest.block_bytes, length)
        if len(data) < length:
            return right, {number: data} if data else {}
        if hashlib.sha256(data).hexdigest() == digest:
            right.add(number)
    return right, {}


def right_heads(heads: Iterable[Head], manifest: Manifest, blocks: set[int], read: Read) -> dict[int, bytes]:
    """The heads on disk that are not within right blocks."""
    known: dict[int, bytes] = {}
    room = KNOWN_BYTES_MAX
    for head in heads:
        last = (head.offset + head.length - 1) // manifest.block_bytes
        if all(number in blocks for number in range(head.offset // manifest.block_bytes, last + 1)):
            continue
        data = read(head.offset, head.length)
        if len(data) <= room and head_digest(data) == head.digest:
            known[head.offset] = data
            room -= len(data)
    return known


def is_inside(index: Index, clip_bytes: int) -> bool:
    """Whether the index can be that of a clip of so many bytes: heads in order, none over another."""
    heads: Sequence[Head] = (index.init, *index.heads)
    ends = [0, *(head.offset + head.length for head in heads)]
    return ends[-1] <= clip_bytes and all(head.offset >= end for head, end in zip(heads, ends[:-1], strict=True))
