"""One short film, rendered once: two vehicles at once, one coming and one leaving."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from vigie_agent.synthetic.film import FilmTruth, render_scene
from vigie_agent.synthetic.scenes import crossing

SEED = 411

Frame = tuple[float, NDArray[np.uint8]]
"""Seconds and Y plane."""


@pytest.fixture(scope="session")
def frames(film: tuple[Path, FilmTruth]) -> list[Frame]:
    """The film, decoded."""
    return list(frames_of(film[0]))


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FilmTruth]:
    path = tmp_path_factory.mktemp("film") / "crossing.mp4"
    return path, render_scene(path, crossing(np.random.default_rng(SEED), vehicles=2), SEED)


def frames_of(path: Path) -> Iterator[Frame]:
    """Seconds and Y plane of each frame."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.time or 0.0), frame.to_ndarray(format="gray8").astype(np.uint8, copy=False)
