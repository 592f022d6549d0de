"""How well and how cheaply plates are found and read, on one thread, with the models that are shipped.

Pictures where a plate has a box are searched, and read where it was found; where there is none, the whole picture is
the plate and its corners are the picture's. Without options: the sets beside the checkout, if any, and a drawn film.
`--film` takes footage on which no plate can be read: whatever is told there is false.

Who sets up a camera says which plates may pass there. Here the labels say so: Moroccan kinds where more than half of
a set's texts can be Moroccan plates, else foreign ones (`foreign_kinds` tells which); `--kinds` overrules it.
In films nobody says where something moves, so each frame is looked at as a whole, at most five a second. An agent knows
from its motion detection, and looks there from nearer: it finds smaller plates than are found here, and more signs.
"""

import argparse
import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
from vigie_agent.plates.pipeline import PlateReader, PlateSettings
from vigie_agent.plates.reader import Reader
from vigie_agent.plates.runtime import Weights
from vigie_agent.synthetic.film import render_scene
from vigie_agent.synthetic.scenes import crossing
from vigie_shared.bench import Measurement
from vigie_shared.plates import MOROCCAN, PlateKind

SUMMARY = "how well plates are found and read on real pictures and on a drawn film, and the CPU time of each stage"

IOU_MIN = 0.4
QUICK_PICTURES = 12
VIEW_PX = 320
OPENALPR_CPU_MS = {"openalpr-eu": 63.0, "openalpr-us": 322.0}
"""What OpenALPR 2.3.0 takes for a picture of these sets, on the machine where they were first measured."""

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
        "--weights", choices=get_args(Weights), default="auto", help="which file of each network is run"
    )
    parser.add_argument(
        "--seek", action="store_true", help="where the whole picture is the plate, read it where it is found in there"
    )
    parser.add_argument(
        "--film",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="footage without legible plates: count false reads",
    )
    parser.add_argument("--vehicles", type=int, default=10, metavar="N", help="vehicles in the drawn film")
    parser.add_argument("--seed", type=int, default=9100, help="which film is drawn")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    yield from _models(arguments.weights)
    if arguments.film:
        yield from _false_reads(arguments.film, arguments.weights)
        return
    failed: list[Outcome] = []
    for one in _sets(arguments):
        kinds = cast(Sequence[PlateKind] | None, arguments.kinds) or one.kinds
        watched = Watched(
            Detector(weights=arguments.weights), Reader(kinds=kinds, weights=arguments.weights), seek=arguments.seek
        )
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
        yield Measurement(case=one.name, metric="foreign_kinds", value=kinds != MOROCCAN, unit="bool")
        yield from watched.costs(one.name)
        named = one.name + "/" if arguments.images is None else ""
        failed += [dataclasses.replace(outcome, file=named + outcome.file) for outcome in outcomes]
    if arguments.images is None:
        yield from _film(arguments)
    if arguments.failures is not None:
        scores.write_failures(arguments.failures, failed)


def _models(weights: Weights) -> Iterator[Measurement]:
    """The files that find and read: the choice is timed, and they differ in a plate now and then."""
    for file in PlateReader(PlateSettings(weights=weights)).models:
        yield Measurement(case=file, metric="model", value=1, unit="file")


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
        self._picture_ms: list[float] = []

    def look_at_all(self, some: Sequence[Picture]) -> Iterator[Outcome]:
        """Each plate of each picture; the first picture is looked at twice, to warm up."""
        for number, picture in enumerate((*some[:1], *some)):
            luma = picture.luma()
            started = time.thread_time()
            is_sought = self._seek or any(truth.box for truth in picture.truths)
            found = self._detect(luma) if is_sought else []
            readings = [self._read_found(luma, one) for one in found] if any(one.box for one in picture.truths) else []
            self._picture_ms += [1000 * (time.thread_time() - started)] if readings else []
            outcomes = [self._outcome(picture.name, luma, truth, found, readings) for truth in picture.truths]
            if number == 0:
                self._forget_costs()
                continue
            yield from outcomes
            if sys.stderr.isatty():
                print(f"\rbench: plates: {number}/{len(some)} ", end="", file=sys.stderr)

    def costs(self, case: str) -> Iterator[Measurement]:
        """The mean of each stage: a picture searched, a plate read; and of a picture with all that was found on it."""
        stages = (
            *(("cpu_ms_detect", self._detect_ms, None), ("cpu_ms_read", self._read_ms, None)),
            ("cpu_ms_picture", self._picture_ms, OPENALPR_CPU_MS.get(case)),
        )
        for metric, times, baseline in stages:
            if times:
                mean = sum(times) / len(times)
                yield Measurement(case=case, metric=metric, value=mean, unit="ms", baseline=baseline)

    def _forget_costs(self) -> None:
        for times in (self._detect_ms, self._read_ms, self._picture_ms):
            times.clear()

    def _outcome(
        self,
        file: str,
        luma: Luma,
        truth: Truth,
        found: Sequence[Detection],
        readings: Sequence[Reading | None],
    ) -> Outcome:
        width = luma.shape[1]
        if truth.box is None:
            reading, is_found, width_px = self._read(luma, _plate_in(luma, found)), None, float(width)
        else:
            overlaps = [overlap(one.box, truth.box) for one in found]
            best = max(range(len(found)), key=overlaps.__getitem__, default=None)
            is_found = best is not None and overlaps[best] > IOU_MIN
            reading = readings[best] if best is not None and is_found else None
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


def _false_reads(films: Sequence[Path], weights: Weights) -> Iterator[Measurement]:
    """What is told at ordinary settings, frames looked at as if something moved all the time, nobody knows where."""
    told = surely = 0
    minutes = 0.0
    for film in films:
        reader = PlateReader(PlateSettings(weights=weights))
        reads, last = [], 0.0
        started = time.thread_time()
        for at_seconds, luma in _shown(film):
            reads += reader.observe(at_seconds, luma)
            last = at_seconds
        reads += reader.flush()
        told, surely, minutes = told + len(reads), surely + sum(not one.uncertain for one in reads), minutes + last / 60
        yield Measurement(case=film.stem, metric="minutes", value=last / 60, unit="min")
        yield Measurement(case=film.stem, metric="false_reads", value=len(reads), unit="count")
        cpu_ms = 1000 * (time.thread_time() - started) / max(last, 1e-9)
        yield Measurement(case=film.stem, metric="cpu_ms_per_film_second", value=cpu_ms, unit="ms")
    yield Measurement(case="films", metric="minutes", value=minutes, unit="min")
    yield Measurement(case="films", metric="false_reads", value=told, unit="count")
    yield Measurement(case="films", metric="false_reads_certain", value=surely, unit="count")
    yield Measurement(case="films", metric="false_reads_per_minute", value=told / max(minutes, 1e-9), unit="1/min")


def _view(frames: Sequence[tuple[float, Luma]], weights: Weights, views: int = 24) -> Iterator[Measurement]:
    """Finding plates in a square of 320 pixels, cut from the middle of drawn frames."""
    detector, times = Detector(weights=weights), list[float]()
    for _at_seconds, luma in frames[:: max(1, len(frames) // views)]:
        top, left = (luma.shape[0] - VIEW_PX) // 2, (luma.shape[1] - VIEW_PX) // 2
        part = np.ascontiguousarray(luma[top : top + VIEW_PX, left : left + VIEW_PX])
        _timed(times, partial(detector.detect, part))
    value = sum(times[1:]) / max(1, len(times) - 1)
    yield Measurement(case=f"view-{VIEW_PX}x{VIEW_PX}", metric="cpu_ms_detect", value=value, unit="ms")


def _film(arguments: argparse.Namespace) -> Iterator[Measurement]:
    """A drawn crossing: single frames as pictures, then the film as a camera sends it."""
    scene = crossing(np.random.default_rng(arguments.seed), 2 if arguments.quick else arguments.vehicles)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "crossing.mp4"
        truth = render_scene(path, scene, arguments.seed)
        frames = list(_shown(path))
    weights: Weights = arguments.weights
    watched = Watched(Detector(weights=weights), Reader(weights=weights))
    yield from scores.figures("drawn", list(watched.look_at_all(pictures.drawn(scene, frames).pictures)))
    yield from watched.costs("drawn")
    yield from _view(frames, weights)
    reader = PlateReader(PlateSettings(weights=weights))
    started = time.thread_time()
    told = [read.text for at_seconds, luma in frames for read in reader.observe(at_seconds, luma)]
    told += [read.text for read in reader.flush()]
    seconds = time.thread_time() - started
    share = len({vehicle.plate for vehicle in truth.vehicles} & set(told)) / len(truth.vehicles)
    yield Measurement(case="crossing", metric="cpu_ms_per_film_second", value=1000 * seconds / scene.seconds, unit="ms")
    yield Measurement(case="crossing", metric="exact_reads", value=share, unit="ratio")


def _shown(path: Path) -> Iterator[tuple[float, Luma]]:
    """Seconds from the start and grey levels of each frame."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield float(frame.time or 0.0), frame.to_ndarray(format="gray8").astype(np.uint8, copy=False)
