"""Plate reads as an agent with twenty cameras tells them: ids by chance, times with jitter, confidences with noise.

Shares follow the agent's own reader: it tells thousandths and milliseconds, and the characters' confidences and other
readings of uncertain reads alone.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from vigie_shared.batches import Batch
from vigie_shared.events import PlateAlternative, PlateRead
from vigie_shared.ids import read_id, unique_id

AGENT: Final = "rabat-07"
START: Final = datetime(2026, 3, 1, 8, tzinfo=UTC)
CAMERAS: Final = tuple(
    f"{place}-{number}" for place in ("north", "south", "east", "west", "ring") for number in range(1, 5)
)
READS_PER_SECOND: Final = 4.0
UNCERTAIN_SHARE: Final = 0.08
SAME_MOTION_SHARE: Final = 0.25
_LETTERS: Final = "أبدهوط"
_LETTER_WEIGHTS: Final = (40, 25, 15, 10, 6, 4)
_DIRECTIONS: Final[tuple[Literal["approaching", "receding", "left", "right", "still"], ...]] = (
    "approaching",
    "receding",
    "left",
    "right",
    "still",
)


def plate_reads(count: int, seed: int = 1) -> list[PlateRead]:
    """`count` reads in the order in which an agent tells them."""
    rng = random.Random(seed)
    return list(_reads(rng, count))


def _reads(rng: random.Random, count: int) -> Iterator[PlateRead]:
    at = START
    motions: dict[str, str] = {}
    for _each in range(count):
        at += timedelta(milliseconds=round(rng.expovariate(READS_PER_SECOND) * 1000))
        camera_id = rng.choice(CAMERAS)
        seen = timedelta(milliseconds=round(rng.gammavariate(2.0, 500)))
        if camera_id not in motions or rng.random() > SAME_MOTION_SHARE:
            began = at - seen - timedelta(milliseconds=round(rng.expovariate(1 / 800)))
            motions[camera_id] = _id(rng, began)
        yield _read(rng, at, camera_id, motions[camera_id], seen)


def _read(rng: random.Random, at: datetime, camera_id: str, motion_id: str, seen: timedelta) -> PlateRead:
    uncertain = rng.random() < UNCERTAIN_SHARE
    confidence = rng.betavariate(6, 3) if uncertain else rng.betavariate(60, 1.5)
    left, top = rng.uniform(0.02, 0.85), rng.uniform(0.3, 0.9)
    width = rng.uniform(0.04, 0.11)
    text = _plate(rng)
    return PlateRead(
        at=at,
        camera_id=camera_id,
        read_id=read_id(at, motion_id, text),
        motion_id=motion_id,
        text=text,
        plate_kind=rng.choices(("civil", "temporary", "diplomatic"), (96, 3, 1))[0],
        confidence=round(confidence, 3),
        uncertain=uncertain,
        char_confidences=tuple(round(rng.betavariate(9, 1), 3) for _char in text) if uncertain else (),
        alternatives=tuple(
            PlateAlternative(text=_mistaken(rng, text), confidence=round(rng.uniform(0, 0.3), 3)) for _other in range(3)
        )
        if uncertain
        else (),
        frame_count=min(60, 1 + int(rng.gammavariate(2.0, 6))),
        first_seen_at=at - seen,
        last_seen_at=at,
        direction=rng.choices(_DIRECTIONS, (45, 35, 8, 8, 4))[0],
        box=tuple(round(value, 3) for value in (left, top, left + width, top + width * rng.uniform(0.2, 0.5) * 0.9)),
        crop_bytes=round(rng.lognormvariate(8.1, 0.3)),
    )


def _id(rng: random.Random, at: datetime) -> str:
    return unique_id(at)[:12] + rng.randbytes(5).hex()


def _mistaken(rng: random.Random, text: str) -> str:
    """Another reading: mostly one character is another."""
    chars = list(text)
    for _each in range(rng.choice((1, 1, 1, 2))):
        place = rng.randrange(len(chars))
        chars[place] = rng.choice(_LETTERS) if chars[place] in _LETTERS else rng.choice("0123456789")
    return "".join(chars)


def _plate(rng: random.Random) -> str:
    digits = rng.choices((3, 4, 5), (2, 13, 85))[0]
    letter = rng.choices(_LETTERS, _LETTER_WEIGHTS)[0]
    return f"{rng.randrange(10 ** (digits - 1), 10**digits)}|{letter}|{rng.randint(1, 89)}"


def batches_of(
    reads: list[PlateRead], size: int, *, agent_id: str = AGENT, schema: int = 2, first_seq: int = 120_000
) -> Iterator[Batch]:
    """The reads in batches of `size`; the last may be smaller."""
    epoch = unique_id(START)[:12] + random.Random(agent_id).randbytes(5).hex()
    for start in range(0, len(reads), size):
        yield Batch(
            v=schema,
            agent_id=agent_id,
            epoch=epoch,
            lane="lpr",
            first_seq=first_seq + start,
            events=tuple(reads[start : start + size]),
        )
