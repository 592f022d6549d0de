"""Smooth random fields: dirt, patchy ink, uneven paint. A fixed pool, cut and flipped at random."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Field = NDArray[np.float32]

_POOL = 48
_HEIGHT_PX, _WIDTH_PX = 320, 640


@lru_cache(maxsize=_POOL)
def _pooled(number: int) -> Field:
    rng = np.random.default_rng((number, 11))
    field = np.zeros((_HEIGHT_PX, _WIDTH_PX), dtype=np.float32)
    for cell, strength in zip((4, 10, 28, 80), rng.dirichlet(np.ones(4)), strict=True):
        coarse = rng.random((_HEIGHT_PX // cell + 2, _WIDTH_PX // cell + 2), dtype=np.float32)
        grown = Image.fromarray(coarse).resize((_WIDTH_PX, _HEIGHT_PX), Image.Resampling.BICUBIC)
        field += float(strength) * np.asarray(grown, dtype=np.float32)
    low, high = np.quantile(field[::4, ::4], (0.02, 0.98))
    scaled: Field = ((field - low) / (high - low)).clip(0, 1).astype(np.float32)
    return scaled


def field(rng: np.random.Generator, height: int, width: int) -> Field:
    """A field of values from 0 to 1, `height` x `width` (at most 320 x 640)."""
    whole = _pooled(int(rng.integers(_POOL)))
    top, left = int(rng.integers(_HEIGHT_PX - height + 1)), int(rng.integers(_WIDTH_PX - width + 1))
    part = whole[top : top + height, left : left + width]
    return part[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
