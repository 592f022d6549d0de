"""Watching cameras: what it costs beside the usual way, which decodes everything and compares five pictures a second,
and which events are found, how soon, and what else is taken for one.

Truth is given with `--truth`, or found as `truth/NAME.json` beside the film; `--events 300` draws films that hold
so many.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from tests.benchmarks import _motion_films
from tests.media.films import make_film, noisy, street, with_figure
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.address import Address
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.session import Session
from vigie_agent.capture.timeline import Timeline
from vigie_agent.motion.decoder import FrameDecoder
from vigie_agent.motion.detector import MotionChange
from vigie_agent.motion.grid import Luma
from vigie_agent.motion.watch import MotionWatch
from vigie_shared.bench import Measurement

SUMMARY = "cost and finds of watching, beside full decoding and differencing"
WARM_UP_SECONDS: Final = 60.0
TICK_SECONDS: Final = 0.1

Span = tuple[float, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--video", nargs="+", type=Path, default=[], metavar="FILE", help="films instead of a drawn one"
    )
    parser.add_argument("--truth", nargs="+", type=Path, default=[], metavar="JSON", help="their events, in order")
    parser.add_argument("--events", type=int, default=0, metavar="N", help="films of so many events, drawn and kept")
    parser.add_argument(
        "--cache", type=Path, default=_motion_films.FOLDER, metavar="FOLDER", help="where drawn films are kept"
    )
    parser.add_argument("--plates", action="store_true", help="decode all of each motion, as plates need it")


@dataclass(frozen=True, slots=True)
class Truth:
    """What happens in a film, in seconds from its start."""

    events: list[Span]
    ignored: list[Span]

    @classmethod
    def of(cls, written: dict[str, Any]) -> "Truth":
        spans = {
            key: [(float(one["start"]), float(one["end"])) for one in written.get(key, [])]
            for key in ("events", "dontcare")
        }
        return cls(spans["events"], spans["dontcare"])


@dataclass(frozen=True, slots=True)
class Found:
    """A motion, and when the watch told of it."""

    start: float
    end: float
    told_at: float


@dataclass(slots=True)
class Score:
    """Counts over one film or many."""

    events: int = 0
    found: int = 0
    true_seconds: float = 0.0
    told_seconds: float = 0.0
    false_seconds: float = 0.0
    idle_seconds: float = 0.0
    delays: list[float] = field(default_factory=list)
    uncovered: int = 0

    def add(self, other: "Score") -> None:
        self.events += other.events
        self.found += other.found
        self.true_seconds += other.true_seconds
        self.told_seconds += other.told_seconds
        self.false_seconds += other.false_seconds
        self.idle_seconds += other.idle_seconds
        self.delays += other.delays
        self.uncovered += other.uncovered

    def measurements(self, case: str) -> Iterator[Measurement]:
        if self.events:
            yield Measurement(case=case, metric="events_found_ratio", value=self.found / self.events, unit="")
            yield Measurement(case=case, metric="events", value=self.events, unit="")
        if self.told_seconds:
            yield Measurement(case=case, metric="precision_ratio", value=self.true_seconds / self.told_seconds, unit="")
        if self.idle_seconds:
            yield Measurement(
                case=case, metric="false_ratio", value=self.false_seconds / self.idle_seconds, unit="of idle time"
            )
        if self.delays:
            delay = float(np.percentile(self.delays, 95))
            yield Measurement(case=case, metric="delay_p95_seconds", value=delay, unit="s")
            yield Measurement(case=case, metric="delay_max_seconds", value=max(self.delays), unit="s")
            yield Measurement(case=case, metric="outside_pre_roll", value=self.uncovered, unit="events")


def score(found: list[Found], truth: Truth, seconds: float) -> Score:
    """A second is told rightly where an event is; what is ignored counts for nothing, the first minute not as idle."""
    result = Score(events=len(truth.events))
    pre_roll_seconds = 5.0
    for start, end in truth.events:
        hits = [one for one in found if one.start <= end and start <= one.end]
        if hits:
            result.found += 1
            result.delays.append(max(0.0, min(one.told_at for one in hits) - start))
            result.uncovered += min(one.start for one in hits) - pre_roll_seconds > start
    ticks = np.arange(0, seconds, TICK_SECONDS)
    told = _within(ticks, [(one.start, one.end) for one in found])
    true = _within(ticks, truth.events)
    counted = true | ~_within(ticks, truth.ignored)
    idle = counted & ~true & (ticks >= WARM_UP_SECONDS)
    result.true_seconds = float((told & true).sum()) * TICK_SECONDS
    result.told_seconds = float((told & counted).sum()) * TICK_SECONDS
    result.false_seconds = float((told & idle).sum()) * TICK_SECONDS
    result.idle_seconds = float(idle.sum()) * TICK_SECONDS
    return result


def _within(ticks: npt.NDArray[np.float64], spans: list[Span]) -> npt.NDArray[np.bool_]:
    inside = np.zeros(ticks.shape, np.bool_)
    for start, end in spans:
        inside |= (ticks >= start) & (ticks <= end)
    return inside


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    if arguments.events:
        yield from _run_events(arguments)
        return
    rounds = 1 if arguments.quick or arguments.video else 3
    for name, stream, packets, truth in _films(arguments):
        yield from _measure_cost(name, stream, packets, rounds, needs_pictures=arguments.plates)
        if truth is not None:
            seconds = packets[-1].position_seconds - packets[0].position_seconds
            found = Watched(stream, packets, needs_pictures=arguments.plates).found
            yield from score(found, truth, seconds).measurements(name)


def _run_events(arguments: argparse.Namespace) -> Iterator[Measurement]:
    """Every film's own score where it is not perfect, and that of all together."""
    total = Score()
    for film, written in _motion_films.films(arguments.events, arguments.cache):
        stream, packets = packets_of(film)
        seconds = packets[-1].position_seconds - packets[0].position_seconds
        watched = Watched(stream, packets, needs_pictures=arguments.plates)
        result = score(watched.found, Truth.of(written), seconds)
        total.add(result)
        yield from result.measurements(film.stem)
    yield from total.measurements(f"all {total.events} drawn events")


def _films(arguments: argparse.Namespace) -> Iterator[tuple[str, StreamInfo, list[Packet], Truth | None]]:
    videos, truths = arguments.video, arguments.truth
    for index, video in enumerate(videos):
        beside = video.parent / "truth" / f"{video.stem}.json"
        path = truths[index] if index < len(truths) else beside if beside.exists() else None
        yield video.name, *packets_of(video), Truth.of(json.loads(path.read_text())) if path else None
    if videos:
        return
    seconds = 8 if arguments.quick else 30
    with tempfile.TemporaryDirectory() as folder:
        for name, spans in (("quiet 720p25", []), ("passer-by 720p25", [(4.0, 7.0)])):
            film = make_film(
                Path(folder) / "film.mp4", _scene(spans), seconds=seconds, gop_seconds=2, frames_per_second=25
            )
            yield name, *packets_of(film), Truth(spans, [])


def _scene(spans: list[Span]) -> Callable[[float], Luma]:
    still = street(width_px=1280, height_px=720)

    def draw(at_seconds: float) -> Luma:
        walking = [(at_seconds - first) / (last - first) for first, last in spans if first <= at_seconds <= last]
        picture = with_figure(still, 0.1 + 0.7 * walking[0], 0.3) if walking else still
        return noisy(picture, 3.0, round(at_seconds * 1000))

    return draw


def packets_of(video: Path) -> tuple[StreamInfo, list[Packet]]:
    timeline, packets = Timeline(), []
    start = datetime(2026, 3, 1, tzinfo=UTC)
    with Session(Address("file", str(video)), 5) as session:
        for raw in session.packets():
            packets.append(timeline.stamp(raw, start + timedelta(seconds=timeline.position_of(raw))))
        assert session.info is not None
        return session.info, packets


class Watched:
    """A film watched by the agent's own code, timed packet by packet."""

    def __init__(self, stream: StreamInfo, packets: list[Packet], *, needs_pictures: bool) -> None:
        watch = MotionWatch(MotionSettings(), stream, needs_pictures=needs_pictures)
        changes: list[tuple[MotionChange, float]] = []
        begun = packets[0].position_seconds
        self.spent = np.zeros(len(packets))
        self.was_idle = np.zeros(len(packets), np.bool_)
        for index, packet in enumerate(packets):
            before = time.process_time()
            seen = watch.feed(packet)
            self.spent[index] = time.process_time() - before
            self.was_idle[index] = not watch.is_decoding and not watch.is_moving
            changes += [(one, packet.position_seconds) for one in seen if isinstance(one, MotionChange)]
        changes += [(one, packets[-1].position_seconds) for one in watch.finish() if isinstance(one, MotionChange)]
        self.found = [
            Found(started.position_seconds - begun, ended.position_seconds - begun, told_at - begun)
            for (started, told_at), (ended, _end) in zip(changes[::2], changes[1::2], strict=True)
        ]


def _measure_cost(
    name: str, stream: StreamInfo, packets: list[Packet], rounds: int, *, needs_pictures: bool
) -> Iterator[Measurement]:
    """Of the whole film, and of the part in which nothing was decoded but keyframes: that of an idle camera."""
    seconds = packets[-1].position_seconds - packets[0].position_seconds
    watched = [Watched(stream, packets, needs_pictures=needs_pictures) for _round in range(rounds)]
    ours = np.min([one.spent for one in watched], axis=0)
    usual = np.min([_usual_way(stream, packets) for _round in range(rounds)], axis=0)
    yield Measurement(
        case=name,
        metric="cpu_ms_per_camera_second",
        value=ours.sum() * 1000 / seconds,
        unit="ms",
        baseline=usual.sum() * 1000 / seconds,
    )
    idle = watched[0].was_idle
    idle_seconds = idle.mean() * seconds
    if idle_seconds >= 2:
        yield Measurement(
            case=name,
            metric="idle_cpu_ms_per_camera_second",
            value=ours[idle].sum() * 1000 / idle_seconds,
            unit="ms",
            baseline=usual[idle].sum() * 1000 / idle_seconds,
        )


def _usual_way(stream: StreamInfo, packets: list[Packet]) -> npt.NDArray[np.float64]:
    """Seconds of CPU for each packet."""
    decoder = FrameDecoder(stream.codec)
    before: npt.NDArray[np.int16] | None = None
    moved: list[float] = []
    due_seconds = 0.0
    spent = np.zeros(len(packets))
    for index, packet in enumerate(packets):
        begun = time.process_time()
        for frame in decoder.decode(packet):
            if frame.position_seconds < due_seconds:
                continue
            due_seconds = frame.position_seconds + 0.19
            luma = frame.luma()[::4, ::4].astype(np.int16)
            if before is not None and (np.abs(luma - before) > 25).mean() > 0.002:
                moved.append(frame.position_seconds)
            before = luma
        spent[index] = time.process_time() - begun
    return spent
