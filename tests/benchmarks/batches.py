"""Batches of events. Time is beside `json.dumps` and `json.loads` of the same plain values in the same run;
bytes are beside the same events sent one a batch.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from vigie_shared import batches
from vigie_shared.bench import Measurement
from vigie_shared.events import AnyEvent, Lane, MotionStarted, PlateAlternative, PlateRead
from vigie_shared.ids import unique_id

SUMMARY = "cost and size of encoding and decoding batches, beside plain json"

SIZES = (1, 8, 32, 256)
ROUNDS = 7
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="N", help="events in a batch")


def run(arguments: argparse.Namespace) -> Iterator[Measurement]:
    seconds = 0.01 if arguments.quick else 0.2
    kinds: tuple[tuple[Lane, Callable[[int], AnyEvent]], ...] = (("lpr", plate_read), ("mot", motion_started))
    for lane, event in kinds:
        for size in arguments.sizes:
            yield from _measure(f"{lane} × {size}", batch_of(lane, event, size), size, seconds)


def _measure(case: str, batch: batches.Batch, size: int, seconds: float) -> Iterator[Measurement]:
    payload = batches.encode(batch)
    plain = batch.model_dump(mode="json", by_alias=True, exclude_none=True)
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    pairs: list[tuple[str, Callable[[], object], Callable[[], object]]] = [
        ("encode", lambda: batches.encode(batch), lambda: json.dumps(plain, ensure_ascii=False).encode()),
        (
            "decode",
            lambda: batches.decode(payload, agent_id=batch.agent_id, lane=batch.lane),
            lambda: json.loads(text),
        ),
    ]
    for verb, ours, theirs in pairs:
        value, baseline = best_seconds(seconds, ours, theirs)
        yield Measurement(
            case=case,
            metric=f"{verb}_us_per_event",
            value=value / size * 1e6,
            unit="µs",
            baseline=baseline / size * 1e6,
        )
    yield Measurement(
        case=case,
        metric="bytes_per_event",
        value=len(payload) / size,
        unit="B",
        baseline=sum(len(batches.encode(lone)) for lone in alone(batch)) / size,
    )


def best_seconds(seconds: float, *works: Callable[[], object]) -> list[float]:
    """The least time of one call of each work, over rounds in which they take turns."""
    best = [float("inf")] * len(works)
    for _round in range(ROUNDS):
        for index, work in enumerate(works):
            calls, started = 0, time.perf_counter()
            while (elapsed := time.perf_counter() - started) < seconds / ROUNDS or not calls:
                work()
                calls += 1
            best[index] = min(best[index], elapsed / calls)
    return best


def alone(batch: batches.Batch) -> Iterator[batches.Batch]:
    """The same events, one a batch."""
    for number, event in enumerate(batch.events):
        yield batch.model_copy(update={"first_seq": batch.first_seq + number, "events": (event,)})


def batch_of(lane: Lane, event: Callable[[int], AnyEvent], size: int) -> batches.Batch:
    """A batch as a busy crossing would fill it."""
    return batches.Batch(
        agent_id="rabat-crossing-1",
        epoch=unique_id(START),
        lane=lane,
        first_seq=120_000,
        events=tuple(event(number) for number in range(size)),
    )


def plate_read(number: int) -> PlateRead:
    at = START + timedelta(seconds=3.7 * number)
    text = f"{10_000 + number * 7 % 89_999}|أ|{1 + number % 89}"
    return PlateRead(
        at=at,
        camera_id="north",
        clock_source="ntp",
        clock_offset_ms=1.25,
        read_id=unique_id(at),
        motion_id=unique_id(at),
        text=text,
        plate_kind="civil",
        confidence=0.9731,
        uncertain=False,
        char_confidences=(0.99, 0.98, 0.97, 0.99, 0.96, 0.99, 0.98),
        alternatives=(PlateAlternative(text=text.replace("أ", "ب"), confidence=0.0123),),
        frame_count=9,
        first_seen_at=at - timedelta(seconds=1),
        last_seen_at=at,
        direction="approaching",
        box=(0.412, 0.633, 0.508, 0.671),
        crop_bytes=4213,
    )


def motion_started(number: int) -> MotionStarted:
    at = START + timedelta(seconds=11.3 * number)
    return MotionStarted(
        at=at,
        camera_id="north",
        clock_source="ntp",
        clock_offset_ms=1.25,
        motion_id=unique_id(at),
        score=0.042,
        region=(0.1, 0.4, 0.7, 0.9),
    )
