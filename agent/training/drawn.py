"""Samples drawn ahead into files: for a machine that trains faster than it draws, or to use each drawing oftener."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count as count_from
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.samples import Batch, Draw, SampleStream

_BATCHES_PER_FILE = 32
_BATCH_SIZE = 32


def write(
    draw: Draw, folder: Path, count: int, *, seed: int, workers: int, looks: int, say: Callable[[str], None]
) -> list[Path]:
    """Draw at least `count` samples into files of `folder`; those that are there already are left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{number:06}.npz" for number in range(-(-count // (_BATCHES_PER_FILE * _BATCH_SIZE)))]
    there = next((number for number, file in enumerate(files) if not file.exists()), len(files))
    first = there * _BATCHES_PER_FILE * _BATCH_SIZE
    stream = SampleStream(draw, seed=seed, first=first, batch_size=_BATCH_SIZE, workers=workers, looks=looks)
    with stream:
        batches = stream.batches((len(files) - there) * _BATCHES_PER_FILE)
        for file in files[there:]:
            pictures, targets = zip(*islice(batches, _BATCHES_PER_FILE), strict=True)
            unfinished = file.with_suffix(".part.npz")
            np.savez(unfinished, pictures=np.concatenate(pictures), targets=np.concatenate(targets))
            unfinished.rename(file)
            say(f"{file.name}: {sum(map(len, pictures))} samples")
    return files


@dataclass(frozen=True)
class DrawnBatches:
    """Batches from the files of `folder`, again and again; the light differs from one pass to the next."""

    folder: Path
    seed: int
    first: int
    batch_size: int

    def __enter__(self) -> "DrawnBatches":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def batches(self, count: int) -> Iterator[Batch]:
        """`count` batches from sample number `first` on."""
        files = sorted(self.folder.glob("[0-9]*.npz"))
        if not files:
            raise SystemExit(f"No drawn samples in {self.folder}: draw them with `python -m training draw`.")
        skipped = self.first // self.batch_size
        yield from islice(self._all(files), skipped, skipped + count)

    def _all(self, files: list[Path]) -> Iterator[Batch]:
        left: Batch | None = None
        for turn in count_from():
            rng = np.random.default_rng((self.seed, turn))
            for index in rng.permutation(len(files)):
                with np.load(files[index]) as held:
                    fresh = held["pictures"], held["targets"]
                pictures, targets = fresh if left is None else tuple(map(np.concatenate, zip(left, fresh, strict=True)))
                whole = len(pictures) // self.batch_size * self.batch_size
                for start in range(0, whole, self.batch_size):
                    part = slice(start, start + self.batch_size)
                    yield relit(pictures[part], rng) if turn else pictures[part], targets[part]
                left = pictures[whole:], targets[whole:]


def relit(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same pictures in a little other light, with other noise."""
    powers = rng.uniform(0.75, 1.35, (len(pictures), 1))
    curves = 255 * (np.arange(256) / 255) ** powers
    lit = np.stack([curve.astype(np.float32)[picture] for curve, picture in zip(curves, pictures, strict=True)])
    strength = rng.uniform(0, 7, (len(pictures), *[1] * (pictures.ndim - 1))).astype(np.float32)
    noisy = lit + rng.standard_normal(lit.shape, dtype=np.float32) * strength
    result: NDArray[np.uint8] = noisy.clip(0, 255).astype(np.uint8)
    return result
