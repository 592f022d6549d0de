"""Where the keyframes of a clip lie, found while its bytes pass by once (ISO/IEC 14496-12 §4.2, §8.8.4)."""

from collections.abc import Iterable
from typing import Final

from vigie_agent.clips import fragments
from vigie_shared.transfer import BLOCK_BYTES_MAX, HEADS_MAX, Head, Index, head_digest

_HEADER_BYTES: Final = 8
_LONG_HEADER_BYTES: Final = 16


def index_of(chunks: Iterable[bytes]) -> Index | None:
    """The index of a fragmented MP4, without a signature; None where the bytes are none."""
    indexer = Indexer()
    for chunk in chunks:
        if not indexer.feed(chunk):
            return None
    return indexer.finish()


class Indexer:
    """Takes a clip from its first byte on; keeps no more of it than the head of one fragment."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._at = 0
        """Where in the clip `_pending` begins."""
        self._skip = 0
        self._init = bytearray()
        self._heads: list[Head] = []

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; False where they are no fragmented MP4."""
        self._pending += data
        try:
            while self._advance():
                pass
        except ValueError:
            return False
        return len(self._pending) <= BLOCK_BYTES_MAX

    def finish(self) -> Index | None:
        """The index; of more keyframes than one may name, evenly spaced ones."""
        if not self._heads or not self._init:
            return None
        every = -(-len(self._heads) // HEADS_MAX)
        init = Head(offset=0, length=len(self._init), digest=head_digest(bytes(self._init)))
        return Index(init=init, heads=tuple(self._heads[::every]))

    def _advance(self) -> bool:
        """Take one box, or what may be skipped; False where more bytes are needed."""
        if self._skip:
            taken = min(self._skip, len(self._pending))
            self._drop(taken)
            self._skip -= taken
            return self._skip == 0
        box = _box(self._pending)
        if box is None:
            return False
        size, kind = box
        if kind == b"moof":
            return self._fragment(size)
        if self._heads:
            self._skip = size
            return True
        if len(self._pending) < size:
            return False
        self._init += self._pending[:size]
        self._drop(size)
        return True

    def _fragment(self, moof_bytes: int) -> bool:
        if len(self._pending) < moof_bytes + _LONG_HEADER_BYTES:
            return False
        first = fragments.first_sample(bytes(self._pending[:moof_bytes]))
        mdat = _box(self._pending[moof_bytes : moof_bytes + _LONG_HEADER_BYTES])
        if first is None or mdat is None or mdat[1] != b"mdat":
            raise ValueError("a fragment that does not say where its first picture is")
        length = sum(first)
        if not moof_bytes < length <= min(moof_bytes + mdat[0], BLOCK_BYTES_MAX):
            raise ValueError("a first picture outside its fragment")
        if len(self._pending) < length:
            return False
        head = bytes(self._pending[:length])
        self._heads.append(Head(offset=self._at, length=length, digest=head_digest(head)))
        self._skip = moof_bytes + mdat[0]
        return True

    def _drop(self, count: int) -> None:
        del self._pending[:count]
        self._at += count


def _box(data: bytes | bytearray) -> tuple[int, bytes] | None:
    """Size and type of the box that begins here; None where more bytes are needed."""
    if len(data) < _HEADER_BYTES:
        return None
    size, kind = int.from_bytes(data[:4], "big"), bytes(data[4:8])
    if size == 1:
        if len(data) < _LONG_HEADER_BYTES:
            return None
        size = int.from_bytes(data[8:16], "big")
    if size < _HEADER_BYTES:
        raise ValueError("no box")
    return size, kind
