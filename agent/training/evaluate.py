"""How well the exported models read films they were not trained on: whole vehicles, counted end to end."""

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.plates.runtime import MODELS
from vigie_agent.plates.vote import VotedRead
from vigie_agent.synthetic.film import BITRATE_KBPS, FilmTruth, render_film
from vigie_agent.synthetic.scenes import SceneName

SCENES: tuple[SceneName, ...] = ("crossing", "gate", "patrol")


@dataclass
class Tally:
    """What came of one scene's films."""

    vehicles: int = 0
    exact: int = 0
    wrong: int = 0
    uncertain: int = 0
    doubled: int = 0
    frames: int = 0
    cpu_seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, truth: FilmTruth, reads: Sequence[VotedRead]) -> None:
        """Count one film; a plate told twice is doubled, one that was never there is wrong."""
        wanted = {vehicle.plate for vehicle in truth.vehicles}
        texts = [read.text for read in reads]
        self.vehicles += len(wanted)
        self.exact += len(wanted & set(texts))
        self.wrong += sum(text not in wanted for text in texts)
        self.uncertain += sum(read.uncertain for read in reads)
        self.doubled += len(texts) - len(set(texts))
        self.faults += [f"{truth.scene} {truth.seed}: missed {text}" for text in wanted - set(texts)]
        self.faults += [
            f"{truth.scene} {truth.seed}: told {read.text} at {read.last_seen_at:.1f}, {read.confidence:.2f}"
            for read in reads
            if read.text not in wanted
        ]


def evaluate(seeds: Sequence[int], models: Path = MODELS, bitrate_kbps: int = BITRATE_KBPS) -> dict[SceneName, Tally]:
    """Render each scene for each seed, read the films with `models`, and count."""
    tallies = {scene: Tally() for scene in SCENES}
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for scene in SCENES:
                path = Path(folder) / f"{scene}-{seed}.mp4"
                truth = render_film(path, scene, seed, bitrate_kbps)
                read_film(path, truth, PlateReader(folder=models), tallies[scene])
                path.unlink()
    return tallies


def read_film(path: Path, truth: FilmTruth, reader: PlateReader, tally: Tally) -> list[VotedRead]:
    """Read one film, its frames at their own times, and count what came of it."""
    reads: list[VotedRead] = []
    for at_seconds, luma in frames_of(path):
        start = time.thread_time()
        reads += reader.observe(at_seconds, luma)
        tally.cpu_seconds += time.thread_time() - start
        tally.frames += 1
    reads += reader.flush()
    tally.add(truth, reads)
    return reads


def frames_of(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Seconds and Y plane of each frame of a film."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.time or 0.0), frame.to_ndarray(format="gray8").astype(np.uint8, copy=False)
