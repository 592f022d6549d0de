"""Tables of names in many batches: agents say the same few again and again, so each is read once and then known."""

from functools import lru_cache
from typing import Final

import numpy as np

from vigie_hub.sync.lockstep.cursors import Cursors, Flags, Whole
from vigie_shared.columns.composed import Cameras
from vigie_shared.columns.kinds import Names
from vigie_shared.columns.packing import Reader
from vigie_shared.errors import WireError

_TABLES_KEPT: Final = 4096
_TABLE_BYTES_MAX: Final = 1024
"""Of one that is kept: what strangers send must not fill the memory."""
_NAMES_MAX: Final = 127
_LONG: Final = 15
_PREFIXED: Final = 0xE0
_FAR: Final = 0xF0
_NOT_PLAIN: Final = (0, 0, 0)


def tables(batches: Cursors, there: Flags, column: Names | Cameras) -> tuple[Whole, Whole, Whole]:
    """Reads a table of those: how many names it holds, how many numbers go into each, and the largest that may."""
    found = np.zeros((3, len(there)), np.int64)
    for batch in np.flatnonzero(there & batches.ok).tolist():
        start = int(batches.at[batch])
        end = _end(batches.data, start)
        found[:, batch] = _known(batches.data[start:end], column) if start < end <= start + _TABLE_BYTES_MAX else 0
        batches.at[batch] = max(start, end)
    batches.drop(there & (found[0] == 0))
    return found[0], found[1], found[2]


def _end(data: bytes, at: int) -> int:
    """Where a table ends; 0 where that is not plain."""
    names = data[at] if at < len(data) else 0
    if names > _NAMES_MAX:
        return 0
    at += 1
    for _name in range(names):
        sizes = data[at] if at < len(data) else _FAR
        if sizes >= _FAR or sizes & _LONG == _LONG:
            return 0
        at += 1 + (sizes >= _PREFIXED) + (sizes & _LONG)
    return at


@lru_cache(_TABLES_KEPT)
def _known(raw: bytes, column: Names | Cameras) -> tuple[int, int, int]:
    """Names, numbers in each, and the largest that may be; no names where it is not plain."""
    frames = column.frames if isinstance(column, Cameras) else column
    if not isinstance(frames, Names):
        return _NOT_PLAIN
    reader = Reader(raw)
    try:
        names = reader.table(_NAMES_MAX, frames.most_bytes)
    except WireError:
        return _NOT_PLAIN
    if not reader.is_at_end or not all(map(frames.can_be, names)):
        return _NOT_PLAIN
    if not isinstance(column, Cameras):
        return len(names), 0, 0
    holes, most = column.room(names)
    return (len(names), holes, most) if most > 0 else _NOT_PLAIN
