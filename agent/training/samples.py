"""Batches drawn by worker processes; sample `n` of a seed is the same picture on every machine."""

from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult, Pool
from typing import Any

import numpy as np

Draw = Callable[[np.random.Generator], tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
_DRAWN_AHEAD = 12

Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


class SampleStream:
    """Endless batches of `(pictures, targets)` from sample number `first` on. A context manager: it owns processes."""

    def __init__(self, draw: Draw, *, seed: int, first: int, batch_size: int, workers: int) -> None:
        self._draw, self._seed, self._first, self._batch_size = draw, seed, first, batch_size
        self._pool: Pool = get_context("spawn").Pool(workers)

    def __enter__(self) -> "SampleStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def batches(self, count: int) -> Iterator[Batch]:
        """`count` batches in order; a few are drawn ahead."""
        waiting: deque[AsyncResult[Batch]] = deque()
        for index in range(count):
            first = self._first + index * self._batch_size
            waiting.append(self._pool.apply_async(draw_batch, (self._draw, self._seed, first, self._batch_size)))
            if len(waiting) > _DRAWN_AHEAD:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


def draw_batch(draw: Draw, seed: int, first: int, size: int) -> Batch:
    """Samples `first` to `first + size` of `seed`; a sample may be several pictures (of one photograph) and targets."""
    drawn = [draw(np.random.default_rng((seed, first + index))) for index in range(size)]
    pictures, targets = zip(*drawn, strict=True)
    join = np.concatenate if pictures[0].ndim == 3 else np.stack
    return join(pictures), join(targets)
