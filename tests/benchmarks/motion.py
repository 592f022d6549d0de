"""Watching a camera: CPU a second of video when idle as the agent does it, beside decoding everything and
differencing at 5 frames a second, the usual way; and, where the truth is given, which events are found.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tests.media.films import make_film, noisy, street, with_figure
from vigie_agent.camera_settings import MotionSettings
from vigie_agent.capture.address import Address
from vigie_agent.capture.packets import Packet, StreamInfo
from vigie_agent.capture.session import Session
from vigie_agent.capture.timeline import Timeline
from vigie_agent.motion.decoder import FrameDecoder
from vigie_agent.motion.grid import Luma
from vigie_agent.motion.watch import MotionWatch
from vigie_shared.bench import Measurement

SUMMARY = "cost and finds of watching, beside full decoding and differencing"

Result = TypeVar("Result")
Span = tuple[float, float]
Film = tuple[str, StreamInfo, list[Packet], list[Span] | None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--video", nargs="+", type=Path, default=[], metavar="FILE", help="films instead of a drawn one"
    )
    parser.add_argument("--truth", nargs="+", type=Path, default=[], metavar="JSON", help="their events, in order")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    rounds = 1 if arguments.quick else 3
    for name, stream, packets, truth in _films(arguments):
        yield from _measure(name, stream, packets, truth, rounds)


def _films(arguments: argparse.Namespace) -> Iterator[Film]:
    videos, truths = arguments.video, arguments.truth
    for index, video in enumerate(videos):
        events = json.loads(truths[index].read_text())["events"] if index < len(truths) else None
        yield video.name, *packets_of(video), events and [(event["start"], event["end"]) for event in events]
    if videos:
        return
    seconds = 8 if arguments.quick else 30
    with tempfile.TemporaryDirectory() as folder:
        for name, spans in (("quiet 720p25", []), ("passer-by 720p25", [(4.0, 7.0)])):
            film = make_film(
                Path(folder) / "film.mp4", _scene(spans), seconds=seconds, gop_seconds=2, frames_per_second=25
            )
            yield name, *packets_of(film), spans


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


def _measure(
    name: str, stream: StreamInfo, packets: list[Packet], truth: list[Span] | None, rounds: int
) -> Iterator[Measurement]:
    seconds = packets[-1].position_seconds - packets[0].position_seconds
    found: list[Span] = []
    ours, usual = [], []
    for _round in range(rounds):
        found, spent = _timed(lambda: _watched(stream, packets))
        ours.append(spent)
        usual.append(_timed(lambda: _usual_way(stream, packets))[1])
    cost, baseline = min(ours) * 1000 / seconds, min(usual) * 1000 / seconds
    yield Measurement(case=name, metric="cpu_ms_per_camera_second", value=cost, unit="ms", baseline=baseline)
    if truth:
        hits = [any(start <= last and first <= end for start, end in found) for first, last in truth]
        yield Measurement(case=name, metric="events_found_ratio", value=sum(hits) / len(hits), unit="")
    if truth is not None and found:
        true = [any(s <= at <= e for s, e in truth) for start, end in found for at in np.arange(start, end + 0.1, 0.2)]
        yield Measurement(case=name, metric="precision_ratio", value=sum(true) / len(true), unit="")


def _watched(stream: StreamInfo, packets: list[Packet]) -> list[Span]:
    watch = MotionWatch(MotionSettings(), stream.codec, deblock=False)
    changes = [change for packet in packets for change in watch.feed(packet).changes] + watch.finish()
    times = [change.position_seconds for change in changes]
    return list(zip(times[::2], times[1::2], strict=True))


def _usual_way(stream: StreamInfo, packets: list[Packet]) -> list[float]:
    decoder = FrameDecoder(stream.codec, deblock=True)
    decoder.wake()
    before: npt.NDArray[np.int16] | None = None
    moved: list[float] = []
    due_seconds = 0.0
    for packet in packets:
        for frame in decoder.decode(packet):
            if frame.position_seconds < due_seconds:
                continue
            due_seconds = frame.position_seconds + 0.19
            luma = frame.luma()[::4, ::4].astype(np.int16)
            if before is not None and (np.abs(luma - before) > 25).mean() > 0.002:
                moved.append(frame.position_seconds)
            before = luma
    return moved


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start
