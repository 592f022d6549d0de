"""A picture as a small grid of mean brightness: what motion is judged on."""

from typing import Final

import numpy as np
import numpy.typing as npt

Luma = npt.NDArray[np.uint8]
Grid = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

COLUMNS: Final = 120
"""Cells across, about: a person of a tenth of the picture's height covers several."""
_EVEN: Final = np.uint64(0x00FF00FF00FF00FF)
_WORD_BYTES: Final = 8


def grid_of(luma: Luma) -> Grid:
    """Average `luma` (rows x columns) over square cells; every second row and column is read.

    Averaging, not picking, keeps sensor noise and rain streaks small.
    """
    rows, columns = luma.shape[0] // 2, luma.shape[1] // 2
    side = max(1, round(columns / COLUMNS))
    down, across = rows // side, columns // side
    bands = _bands(luma, down, side)[:, : across * side]
    sums = np.add.reduceat(bands, np.arange(0, across * side, side), axis=1, dtype=np.uint32)
    grid: Grid = sums.astype(np.float32) * np.float32(1 / (side * side))
    return grid


def highest(grid: Grid) -> Grid:
    """The highest of each cell and its eight neighbours."""
    padded = np.pad(grid, 1, mode="edge")
    across = np.maximum(np.maximum(padded[:, :-2], padded[:, 1:-1]), padded[:, 2:])
    found: Grid = np.maximum(np.maximum(across[:-2], across[1:-1]), across[2:])
    return found


def _bands(luma: Luma, down: int, side: int) -> npt.NDArray[np.uint16]:
    """Sums of `side` even rows each, of the even columns.

    Four columns are added at once in the 16-bit lanes of a word: 257 rows would fit, more than any picture's cell has.
    """
    width = luma.shape[1]
    stride = luma.strides[0]
    whole = -(-width // _WORD_BYTES) * _WORD_BYTES
    if luma.strides[1] == 1 and stride % _WORD_BYTES == 0 and stride >= whole and luma.base is not None:
        rows = np.lib.stride_tricks.as_strided(luma, (luma.shape[0], whole), writeable=False)
    else:
        rows = np.zeros((luma.shape[0], whole), np.uint8)
        rows[:, :width] = luma
    words = rows.view(np.uint64)[: 2 * down * side : 2] & _EVEN
    sums: npt.NDArray[np.uint16] = words.reshape(down, side, -1).sum(axis=1, dtype=np.uint64).view(np.uint16)
    return sums
