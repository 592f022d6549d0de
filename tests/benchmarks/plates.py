"""What finding and reading a plate costs one core, on a film drawn here, with the models that are shipped."""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from vigie_agent.plates.detector import Detector
from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.plates.reader import Reader
from vigie_agent.synthetic.film import FRAMES_PER_SECOND, render_scene
from vigie_agent.synthetic.scenes import crossing
from vigie_agent.synthetic.stage import PlateView, Scene
from vigie_shared.bench import Measurement

SUMMARY = "CPU time of finding and reading plates in a drawn 960 × 540 film, and how many were read exactly"

ROUNDS = 5
NARROWEST_PX = 60.0

Frame = tuple[float, NDArray[np.uint8]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vehicles", type=int, default=10, metavar="N", help="vehicles in the film")
    parser.add_argument("--seed", type=int, default=9100, help="which film is drawn")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    scene = crossing(np.random.default_rng(arguments.seed), 2 if arguments.quick else arguments.vehicles)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crossing.mp4"
        truth = render_scene(path, scene, arguments.seed)
        frames = _decoded(path)
    yield from _costs(scene, frames, rounds=1 if arguments.quick else ROUNDS)
    reader = PlateReader()
    started = time.thread_time()
    told = [read.text for at_seconds, luma in frames for read in reader.observe(at_seconds, luma)]
    told += [read.text for read in reader.flush()]
    seconds = time.thread_time() - started
    share = len({vehicle.plate for vehicle in truth.vehicles} & set(told)) / len(truth.vehicles)
    yield Measurement(case="crossing", metric="cpu_ms_per_film_second", value=1000 * seconds / scene.seconds, unit="ms")
    yield Measurement(case="crossing", metric="exact_reads", value=share, unit="ratio")


def _costs(scene: Scene, frames: Sequence[Frame], rounds: int) -> Iterator[Measurement]:
    detector, reader = Detector(), Reader()
    some = frames[:: round(FRAMES_PER_SECOND / 4)]
    views = [(luma, view) for at_seconds, luma in some for view in scene.plates(at_seconds) if _is_wide(view)]
    detect = _least_ms(rounds, lambda: [detector.detect(luma) for _at, luma in some]) / len(some)
    yield Measurement(case="960×540", metric="cpu_ms_detect", value=detect, unit="ms")
    read = _least_ms(rounds, lambda: [reader.read(luma, view.corners) for luma, view in views]) / len(views)
    yield Measurement(case="960×540", metric="cpu_ms_read", value=read, unit="ms")


def _least_ms(rounds: int, work: Callable[[], object]) -> float:
    """The least CPU time of this thread over `rounds` calls; one more goes before them, to warm up."""
    work()
    least = float("inf")
    for _round in range(rounds):
        started = time.thread_time()
        work()
        least = min(least, time.thread_time() - started)
    return 1000 * least


def _is_wide(view: PlateView) -> bool:
    return float(np.linalg.norm(view.corners[1] - view.corners[0])) >= NARROWEST_PX


def _decoded(path: Path) -> list[Frame]:
    with av.open(str(path)) as container:
        decoded = ((float(one.time or 0.0), one.to_ndarray(format="gray8")) for one in container.decode(video=0))
        return [(at_seconds, luma.astype(np.uint8, copy=False)) for at_seconds, luma in decoded]
