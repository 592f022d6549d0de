"""How well and how cheaply plates are found and read, on one thread, with the models that are shipped.

Pictures where a plate has a box are searched, and read where it was found; where there is none, the whole picture is
the plate and its corners are the picture's. Without options: the sets beside the checkout, if any, and a drawn film.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar, cast, get_args

import av
import numpy as np
from numpy.typing import NDArray

from tests.benchmarks import _pictures as pictures
from tests.benchmarks import _scores as scores
from tests.benchmarks._pictures import Picture, PictureSet, Truth
from tests.benchmarks._scores import Outcome
from vigie_agent.plates.decoding import Reading
from vigie_agent.plates.detector import Box, Detection, Detector
from vigie_agent.plates.pipeline import PlateReader
from vigie_agent.plates.reader import Reader
from vigie_agent.synthetic.film import render_scene
from vigie_agent.synthetic.scenes import crossing
from vigie_shared.bench import Measurement
from vigie_shared.plates import PlateKind

SUMMARY = "how well plates are found and read on real pictures and on a drawn film, and the CPU time of each stage"

IOU_MIN = 0.4
QUICK_PICTURES = 12

Luma = NDArray[np.uint8]
Timed = TypeVar("Timed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=Path, metavar="DIR", help="pictures (default: the sets beside the checkout)")
    parser.add_argument("--labels", type=Path, metavar="CSV", help="what is on them (default: DIR/labels.csv)")
    parser.add_argument("--failures", type=Path, metavar="FILE", help="write what was not read exactly (CSV)")
    parser.add_argument(
        "--kinds",
        nargs="+",
        choices=get_args(PlateKind),
        help="plates that may pass (default: Moroccan ones; foreign ones for a set without any Moroccan plate)",
    )
    parser.add_argument(
        "--seek", action="store_true", help="where the whole picture is the plate, read it where it is found in there"
    )
    parser.add_argument("--vehicles", type=int, default=10, metavar="N", help="vehicles in the drawn film")
    parser.add_argument("--seed", type=int, default=9100, help="which film is drawn")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    failed: list[Outcome] = []
    for one in _sets(arguments):
        kinds = cast(Sequence[PlateKind] | None, arguments.kinds) or one.kinds
        watched = Watched(Detector(), Reader(kinds=kinds), seek=arguments.seek)
        some = one.pictures[:: max(1, len(one.pictures) // QUICK_PICTURES)] if arguments.quick else one.pictures
        outcomes = list(watched.look_at_all(some))
        for case, part in scores.cases(one.name, outcomes):
            yield from scores.figures(case, part)
        yield Measurement(
            case=one.name,
            metric="whole_picture_plates",
            value=sum(outcome.detected is None for outcome in outcomes),
            unit="count",
        )
        yield from watched.costs(one.name)
        named = one.name + "/" if arguments.images is None else ""
        failed += [dataclasses.replace(outcome, file=named + outcome.file) for outcome in outcomes]
    if arguments.images is None:
        yield from _film(arguments)
    if arguments.failures is not None:
        scores.write_failures(arguments.failures, failed)


def _sets(arguments: argparse.Namespace) -> Iterator[PictureSet]:
    if arguments.images is None:
        yield from pictures.shared()
    else:
        yield pictures.labelled(arguments.images, arguments.labels or arguments.images / "labels.csv")


class Watched:
    """Finds and reads, and counts the CPU time of this thread for each."""

    def __init__(self, detector: Detector, reader: Reader, *, seek: bool = False) -> None:
        self._detector, self._reader, self._seek = detector, reader, seek
        self._detect_ms: list[float] = []
        self._read_ms: list[float] = []

    def look_at_all(self, some: Sequence[Picture]) -> Iterator[Outcome]:
        """Each plate of each picture; the first picture is looked at twice, to warm up."""
        for number, picture in enumerate((*some[:1], *some)):
            luma = picture.luma()
            found = self._detect(luma) if self._seek or any(truth.box for truth in picture.truths) else []
            outcomes = [self._outcome(picture.name, luma, truth, found) for truth in picture.truths]
            if number == 0:
                self._detect_ms.clear()
                self._read_ms.clear()
                continue
            yield from outcomes
            if sys.stderr.isatty():
                print(f"\rbench: plates: {number}/{len(some)} ", end="", file=sys.stderr)

    def costs(self, case: str) -> Iterator[Measurement]:
        """The mean of each stage: a picture searched, a plate read."""
        for metric, times in (("cpu_ms_detect", self._detect_ms), ("cpu_ms_read", self._read_ms)):
            if times:
                yield Measurement(case=case, metric=metric, value=sum(times) / len(times), unit="ms")

    def _outcome(self, file: str, luma: Luma, truth: Truth, found: Sequence[Detection]) -> Outcome:
        width = luma.shape[1]
        if truth.box is None:
            reading, is_found, width_px = self._read(luma, _plate_in(luma, found)), None, float(width)
        else:
            here = max(found, key=lambda one: overlap(one.box, truth.box or one.box), default=None)
            is_found = here is not None and overlap(here.box, truth.box) > IOU_MIN
            reading = self._read_found(luma, here) if here is not None and is_found else None
            width_px = truth.box[2] - truth.box[0]
        texts = (reading.text, *(text for text, _chance in reading.alternatives)) if reading else ()
        sure = reading.confidence if reading else 0.0
        return Outcome(file, truth.canonical, truth.kind, truth.lines, width_px, texts, sure, is_found)

    def _detect(self, luma: Luma) -> list[Detection]:
        return _timed(self._detect_ms, lambda: self._detector.detect(luma))

    def _read(self, luma: Luma, corners: NDArray[np.float32]) -> Reading | None:
        return _timed(self._read_ms, lambda: self._reader.read(luma, corners))

    def _read_found(self, luma: Luma, found: Detection) -> Reading | None:
        return _timed(self._read_ms, lambda: self._reader.read_found(luma, found))


def _plate_in(luma: Luma, found: Sequence[Detection]) -> NDArray[np.float32]:
    """The corners of the plate that fills a picture: those found, else the picture's own."""
    height, width = luma.shape
    large = [one for one in found if overlap(one.box, (0, 0, width, height)) > IOU_MIN]
    whole = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)
    return large[0].corners if large else whole


def overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(0.0, width) * max(0.0, height)
    return shared / max(1e-9, _area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _timed(times: list[float], work: Callable[[], Timed]) -> Timed:
    started = time.thread_time()
    result = work()
    times.append(1000 * (time.thread_time() - started))
    return result


def _film(arguments: argparse.Namespace) -> Iterator[Measurement]:
    """A drawn crossing: single frames as pictures, then the film as a camera sends it."""
    scene = crossing(np.random.default_rng(arguments.seed), 2 if arguments.quick else arguments.vehicles)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crossing.mp4"
        truth = render_scene(path, scene, arguments.seed)
        frames = _decoded(path)
    watched = Watched(Detector(), Reader())
    yield from scores.figures("drawn", list(watched.look_at_all(pictures.drawn(scene, frames).pictures)))
    yield from watched.costs("drawn")
    reader = PlateReader()
    started = time.thread_time()
    told = [read.text for at_seconds, luma in frames for read in reader.observe(at_seconds, luma)]
    told += [read.text for read in reader.flush()]
    seconds = time.thread_time() - started
    share = len({vehicle.plate for vehicle in truth.vehicles} & set(told)) / len(truth.vehicles)
    yield Measurement(case="crossing", metric="cpu_ms_per_film_second", value=1000 * seconds / scene.seconds, unit="ms")
    yield Measurement(case="crossing", metric="exact_reads", value=share, unit="ratio")


def _decoded(path: Path) -> list[tuple[float, Luma]]:
    with av.open(str(path)) as container:
        decoded = ((float(one.time or 0.0), one.to_ndarray(format="gray8")) for one in container.decode(video=0))
        return [(at_seconds, luma.astype(np.uint8, copy=False)) for at_seconds, luma in decoded]
