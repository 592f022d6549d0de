"""Batches drawn by worker processes; sample `n` of a seed is the same picture on every machine."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult, Pool
from typing import Any, Protocol, runtime_checkable

import numpy as np

Sample = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
Batch = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
Draw = Callable[[np.random.Generator], Sample]
ROUNDS_MIXED = 8
"""Looks at the same things are so many batches apart."""
_DRAWN_AHEAD = 12


@runtime_checkable
class DrawsLooks(Protocol):
    """Draws several samples of one thing for less than as many things cost."""

    def looks(self, rng: np.random.Generator, count: int) -> Sequence[Sample]:
        """`count` samples of one thing."""


class SampleStream:
    """Endless batches of `(pictures, targets)` from sample number `first` on. A context manager: it owns processes.

    With `looks`, each thing is drawn so often, in several batches; between two of them come those of other things.
    """

    def __init__(self, draw: Draw, *, seed: int, first: int, batch_size: int, workers: int, looks: int = 1) -> None:
        self._draw, self._seed, self._first, self._batch_size, self._looks = draw, seed, first, batch_size, looks
        self._pool: Pool = get_context("spawn").Pool(workers)

    def __enter__(self) -> "SampleStream":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.terminate()
        self._pool.join()

    def batches(self, count: int) -> Iterator[Batch]:
        """`count` batches in order; a few are drawn ahead."""
        mixed = ROUNDS_MIXED if self._looks > 1 else 1
        number, turn = self._first // self._batch_size, mixed * self._looks
        done_of_turn = number % turn
        first = number // turn * mixed * self._batch_size if turn > 1 else self._first
        rounds = self._rounds(first, -(-(done_of_turn + count) // turn) * mixed)
        turns = iter(lambda: list(islice(rounds, mixed)), [])
        drawn = (batch for some in turns for same_look in zip(*some, strict=True) for batch in same_look)
        yield from islice(drawn, done_of_turn, done_of_turn + count)

    def _rounds(self, first: int, count: int) -> Iterator[list[Batch]]:
        """All looks at each batch of things, `first` being the number of the first thing drawn."""
        waiting: deque[AsyncResult[list[Batch]]] = deque()
        for index in range(count):
            number = first + index * self._batch_size
            asked = (self._draw, self._seed, number, self._batch_size, self._looks)
            waiting.append(self._pool.apply_async(draw_round, asked))
            if len(waiting) > _DRAWN_AHEAD:
                yield waiting.popleft().get()
        while waiting:
            yield waiting.popleft().get()


def draw_round(draw: Draw, seed: int, first: int, size: int, looks: int) -> list[Batch]:
    """`looks` batches, all of the things `first` to `first + size` of `seed`."""
    things = []
    for number in range(first, first + size):
        rng = np.random.default_rng((seed, number))
        things.append(draw.looks(rng, looks) if looks > 1 and isinstance(draw, DrawsLooks) else [draw(rng)])
    return [_stacked(samples) for samples in zip(*things, strict=True)]


def draw_batch(draw: Draw, seed: int, first: int, size: int) -> Batch:
    """Samples `first` to `first + size` of `seed`; a sample may be several pictures (of one photograph) and targets."""
    return draw_round(draw, seed, first, size, 1)[0]


def _stacked(samples: Sequence[Sample]) -> Batch:
    pictures, targets = zip(*samples, strict=True)
    join = np.concatenate if pictures[0].ndim == 3 else np.stack
    return join(pictures), join(targets)
